"""Writes derivations.md: every step that SymPy derives, as it stands in `prunelaw.derivations`.

python docs/make_derivations.py
"""

from pathlib import Path

import sympy as sp

from prunelaw.derivations import all_derivations

PAGE = Path(__file__).with_name("derivations.md")
HEAD = """# The formulas, derived

Written by `docs/make_derivations.py` from `prunelaw.derivations`; the tests run every step. A step
marked *checked* was confirmed by SymPy, one marked *given* is a definition or follows in words.

```python
from prunelaw.derivations import imperfect_probe

derivation = imperfect_probe()
print(derivation.title, derivation.holds)  # The saddle point with an imperfect probe True
print(derivation.steps[0].says)
```
"""


def main() -> None:
    parts = [HEAD]
    for derivation in all_derivations():
        parts.append(f"## {derivation.title}\n\n{derivation.statement}\n")
        for number, step in enumerate(derivation.steps, start=1):
            kind = "given" if step.given else "checked"
            parts.append(f"{number}. {step.says} (*{kind}*)\n\n   $${sp.latex(step.relation)}$$\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
