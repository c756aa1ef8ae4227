"""One way a request fails, as it is told to people and to developers."""

from collections.abc import Callable
from dataclasses import dataclass

from idp.wording import Sentence


@dataclass(frozen=True, slots=True)
class Reason:
    """One way a request fails.

    `title` and `public` are for the person in front of the page: plain words, nobody blamed. `owner` and `fix` are for
    whoever runs the app: they name the parameter and the rule. `code` is stable: kept, counted and searched for.
    `named` makes the title with the app's name, where it speaks of an app.
    """

    code: str
    title: Sentence
    public: Sentence
    owner: str
    fix: str
    named: Callable[[str], Sentence] | None = None

    def title_for(self, app_name: str | None) -> Sentence:
        """Return the title with the app's own name in it, or the plain one where the app is not known."""
        return self.named(app_name) if app_name and self.named else self.title
