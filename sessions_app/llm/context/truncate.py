"""Strategy `truncate`: whole exchanges are left out, oldest first."""

from sessions_app.llm.context.choice import Choice, everything
from sessions_app.llm.context.cut import Cut
from sessions_app.llm.context.history import History


def truncate(history: History, budget: int) -> Choice:
    """The latest exchanges that fit, and what must stay. Raises ContextOverflow."""
    if history.tokens <= budget:
        return everything(history)
    cut = Cut(history)
    cut.until(history.may_go(), budget)
    cut.must_fit(budget)
    return Choice(cut=cut, method="truncate", kept="recent", dropped="oldest")
