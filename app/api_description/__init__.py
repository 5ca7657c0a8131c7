"""The API described: the OpenAPI document, and the page that shows it to people.

Stands under the roof because it speaks of every room that answers requests: each module here describes one group of
routes with the constants of the room that serves them, `document` puts them together, `routes` serves the result.
What the routes do is left to the rooms; tests hold the description and the real answers together.
"""
