"""The receiver one would write in an afternoon, for comparison: FastAPI, SQLModel, a session per request.

Select by id, then insert or update, then commit. Equally durable: SQLite in WAL mode with `synchronous=FULL`,
PostgreSQL as shipped.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from sqlalchemy import BigInteger, Engine, event
from sqlmodel import Field, Session, SQLModel, create_engine

from app.maven.schema import ViolationData
from bench.servers import TOKEN


class Violation(SQLModel, table=True):
    """What an afternoon's receiver keeps."""

    __tablename__ = "afternoon_violations"

    id: str = Field(primary_key=True)
    driver_id: str | None = Field(default=None, index=True)
    driver_name: str | None = None
    terminal_code: str | None = None
    type: str | None = None
    start_time: int | None = Field(default=None, sa_type=BigInteger)
    invalidated: bool = False
    payload: str = ""


def make_app(database_url: str) -> FastAPI:
    """The whole of it."""
    engine = _make_engine(database_url)
    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables["afternoon_violations"]])
    app = FastAPI()

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/webhooks/maven")
    def receive(
        body: dict[str, Any], database: Annotated[Session, Depends(session)], authorization: Annotated[str, Header()]
    ) -> dict[str, int]:
        if authorization != f"Bearer {TOKEN}":
            raise HTTPException(401)
        data = ViolationData.model_validate(body)
        found = database.get(Violation, data.id)
        if found is None:
            found = Violation(id=data.id)
            database.add(found)
        found.driver_id, found.driver_name = data.driverId, data.driverName
        found.terminal_code, found.type, found.start_time = data.terminalCode, data.type, data.startTime
        found.invalidated = body["eventType"] == "violationInvalidated"
        found.payload = str(body)
        database.commit()
        return {"accepted": 1}

    return app


def _make_engine(database_url: str) -> Engine:
    if not database_url.startswith("sqlite"):
        return create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    engine = create_engine(database_url)

    @event.listens_for(engine, "connect")
    def durable(connection: Any, record: object) -> None:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA synchronous = full")
        connection.execute("PRAGMA busy_timeout = 30000")

    return engine
