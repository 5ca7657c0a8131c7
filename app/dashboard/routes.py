"""All routes of the pages."""

from starlette.routing import BaseRoute, Route

from app.dashboard.context import DashboardContext
from app.dashboard.driver import DriverPage
from app.dashboard.inspections import show_inspections, show_vehicle
from app.dashboard.live import Ticker, live_page
from app.dashboard.operations.routes import routes as operations_routes
from app.dashboard.overview import OverviewPage
from app.dashboard.pages import FormPost, Page
from app.dashboard.reviewing import ReviewForms
from app.dashboard.signing_in import SignIn, sign_out
from app.dashboard.single_sign_on import ProviderSignIn
from app.dashboard.statics import STATICS
from app.dashboard.tellings import Tellings
from app.dashboard.violation import show_violation


def routes(context: DashboardContext) -> list[BaseRoute]:
    """The pages, working with `context`."""
    ticker = Ticker(context.database, context.query.watch, context.clock)
    tellings = Tellings()
    overview, driver = OverviewPage(tellings), DriverPage(tellings)
    reviews = ReviewForms(ticker)
    return [
        Route("/", Page(context, ticker.counting(overview.show)), methods=["GET"]),
        Route("/violations.csv", Page(context, overview.export), methods=["GET"]),
        Route("/drivers/{driverId}", Page(context, ticker.counting(driver.show)), methods=["GET"]),
        Route("/violations/{id}", Page(context, ticker.counting(show_violation)), methods=["GET"]),
        Route("/inspections", Page(context, show_inspections), methods=["GET"]),
        Route("/vehicles/{vehicleId}", Page(context, show_vehicle), methods=["GET"]),
        Route("/live", Page(context, live_page(ticker)), methods=["GET"]),
        Route("/reviews", FormPost(context, reviews.review_many), methods=["POST"]),
        Route("/violations/{id}/review", FormPost(context, reviews.review_one), methods=["POST"]),
        Route("/sign-in", SignIn(context), methods=["GET", "POST"]),
        Route("/sign-in/with-provider", ProviderSignIn(context), methods=["GET"]),
        Route("/sign-in/from-provider", ProviderSignIn(context), methods=["GET"]),
        Route("/sign-out", FormPost(context, sign_out), methods=["POST"]),
        *operations_routes(context),
        Route("/static/{tag}/{name}", STATICS.serve, methods=["GET"]),
    ]
