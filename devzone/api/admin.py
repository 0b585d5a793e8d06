"""Administration (701, 714): resources, users, groups and passwords."""

from collections.abc import Callable

from irods.api_number import api_number

from devzone.api import resources, users
from devzone.errors import CAT_INVALID_ARGUMENT, SYS_NO_API_PRIV, IrodsError
from devzone.session import Handler, Reply, Request, Session

Action = Callable[[Session, list[str]], None]
ACTIONS: dict[tuple[str, str], Action] = {
    ("add", "resource"): resources.add,
    ("rm", "resource"): resources.remove,
    ("modify", "resource"): resources.modify,
    ("add", "childtoresc"): resources.add_child,
    ("rm", "childfromresc"): resources.remove_child,
    ("add", "user"): users.add_user,
    ("rm", "user"): users.remove_user,
    ("modify", "user"): users.modify_user,
    ("add", "group"): users.add_group,
    ("rm", "group"): users.remove_user,
    ("modify", "group"): users.modify_group,
}
RESOURCE_TARGETS = {"resource", "childtoresc", "childfromresc"}


def _general_admin(session: Session, request: Request) -> Reply:
    """Run an administrator's action. The arguments are those of the command ``iadmin``."""
    if not session.user.is_admin:
        raise IrodsError(SYS_NO_API_PRIV)
    verb, target, *arguments = (request.node.text(f"arg{number}") for number in range(10))
    action = ACTIONS.get((verb, target))
    if action is None:
        raise IrodsError(CAT_INVALID_ARGUMENT, f"{verb} {target}")
    with session.transaction():
        action(session, arguments)
    if target in RESOURCE_TARGETS:
        session.zone.catalog.forget_resources()
    else:
        session.zone.catalog.forget_users()
    return Reply()


def _user_admin(session: Session, request: Request) -> Reply:
    """Change the user's own password. Other actions are refused."""
    verb, name, option, value = (request.node.text(f"arg{number}") for number in range(4))
    if verb != "userpw" or option != "password":
        raise IrodsError(CAT_INVALID_ARGUMENT, verb)
    if name != session.user.name:
        raise IrodsError(SYS_NO_API_PRIV)
    with session.transaction():
        users.set_password(session, session.user.id, value)
    return Reply()


HANDLERS: dict[int, Handler] = {
    api_number["GENERAL_ADMIN_AN"]: _general_admin,
    api_number["USER_ADMIN_AN"]: _user_admin,
}
