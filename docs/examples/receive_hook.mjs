// Receives the webhooks of hos-receiver: checks each signature, and does the work of each message once.
//
//     HOOK_SECRET=whsec_... node receive_hook.mjs 8080
//
// Node 18 and nothing else. Prints a line of JSON for each new message. Put TLS in front of it.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const SECRET = process.env.HOOK_SECRET;
if (!SECRET) throw new Error("HOOK_SECRET is not set");
const LARGEST = 1024 * 1024; // bytes of a body

// For the example in memory. Yours belongs into the database, into the transaction of the work itself.
const seen = new Set();

// Throws for a message that hos-receiver did not sign with this secret within the last 5 minutes.
function verify(secret, headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) {
    throw new Error("the message is too old, or a clock is wrong");
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${digest}`);
  // While a secret is rotated there are two signatures, separated by a space.
  const signatures = (headers["webhook-signature"] ?? "").split(" ").map((one) => Buffer.from(one));
  if (!signatures.some((one) => one.length === expected.length && timingSafeEqual(one, expected))) {
    throw new Error("the signature is wrong");
  }
}

// Yours. What takes longer than a moment belongs into a queue: hos-receiver waits 15 seconds for the answer.
function work(message) {
  console.log(JSON.stringify(message));
}

async function receive(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LARGEST) return 413;
    parts.push(part);
  }
  const body = Buffer.concat(parts); // as it came: JSON that was read and written again has another signature
  try {
    verify(SECRET, request.headers, body);
  } catch {
    return 401;
  }
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    work(JSON.parse(body));
    seen.add(id); // after the work: what fails is sent again
  }
  return 204;
}

const server = createServer({ requestTimeout: 10_000 }, async (request, response) => {
  let status = 500;
  try {
    status = await receive(request);
  } catch (error) {
    console.error(error);
  }
  response.writeHead(status).end();
});

server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  console.error(`listening on http://127.0.0.1:${server.address().port}`);
});
