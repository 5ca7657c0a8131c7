"""All routes of operators' pages; for administrators who are not limited to terminals."""

from starlette.routing import BaseRoute, Route

from app.dashboard.context import DashboardContext
from app.dashboard.operations import channels, hooks, keys, quarantine
from app.dashboard.pages import FormPost, Handler, Page

_ROOT = "/operations"
_ENTRY = "/quarantine/{id}"
_HOOK = "/hooks/{id}"
_DELIVERY = f"{_HOOK}/deliveries/{{delivery}}"


def routes(context: DashboardContext) -> list[BaseRoute]:
    """The pages and their forms, working with `context`."""

    def page(path: str, handler: Handler) -> Route:
        return Route(f"{_ROOT}{path}", Page(context, handler, is_operators=True), methods=["GET"])

    def form(path: str, handler: Handler) -> Route:
        return Route(f"{_ROOT}{path}", FormPost(context, handler, is_operators=True), methods=["POST"])

    return [
        page("", channels.show),
        page("/quarantine", quarantine.show_list),
        page(_ENTRY, quarantine.show_one),
        page(f"{_ENTRY}/bytes", quarantine.give_bytes),
        form(f"{_ENTRY}/retry", quarantine.retry),
        page(f"{_ENTRY}/discard", quarantine.confirm_discard),
        form(f"{_ENTRY}/discard", quarantine.discard_one),
        page("/hooks", hooks.show_list),
        page("/hooks/new", hooks.show_form),
        form("/hooks/new", hooks.create),
        page(_HOOK, hooks.show_one),
        form(f"{_HOOK}/test", hooks.test),
        form(f"{_HOOK}/switch", hooks.switch),
        page(f"{_HOOK}/delete", hooks.confirm_delete),
        form(f"{_HOOK}/delete", hooks.delete),
        page(f"{_HOOK}/rotate-secret", hooks.confirm_rotation),
        form(f"{_HOOK}/rotate-secret", hooks.rotate),
        page(_DELIVERY, hooks.show_delivery),
        form(f"{_DELIVERY}/retry", hooks.retry_delivery),
        page("/keys", keys.show_list),
        form("/keys", keys.create),
        page("/keys/revoke", keys.confirm_revocation),
        form("/keys/revoke", keys.revoke),
    ]
