"""Examples chosen by the margin of a fitted estimator, as scikit-learn's users write it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, check_X_y

from prunelaw.checks import check_integer, check_number
from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import kept_examples, of_ranks
from prunelaw_sim.features.predict import RULES, Prediction, predict

Array = np.ndarray


class MarginSelector(BaseEstimator):
    """Keeps the examples that a rule chooses by the margin of an estimator's decision function.

        selector = MarginSelector(LogisticRegression(), rule="hard", keep=0.3).fit(X, y)
        model.fit(X[selector.get_support()], y[selector.get_support()])
        model.fit(X, y, sample_weight=selector.sample_weight_)

    The margin is |decision_function| of two classes, and of more the difference of the two largest;
    a small one is hard.  With rule="theory" rule and fraction are those of least predicted error
    (`prunelaw_sim.predict`, two classes or more), among `RULES` and `keep` (a sequence).

    Args:
        estimator: with `decision_function`, or `predict_proba`; fitted on other examples.  None: a
            logistic regression of a tenth of the examples, which are then kept out of the choice.
        rule: "hard", "easy", "random", "quantiles:...", or "theory".
        keep: fraction kept, in (0, 1]; for "theory" one or several.
        penalty: λ of the model that will be trained, for "theory".
        random_state: of ties, random keeping and the estimator's examples.

    Attributes:
        scores_: hardness of each example, minus its margin.
        support_: numbers of the kept examples.
        sample_weight_: 1 for those, 0 for others.
        rule_, keep_: what was used.
        prediction_: the `Prediction`, with rule="theory".

    Raises:
        InputError: for values out of range and an estimator without a decision function.
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        rule: str = "hard",
        keep: Any = 0.5,
        penalty: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.rule = rule
        self.keep = keep
        self.penalty = penalty
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> MarginSelector:
        """Chooses among these examples."""
        X, y = check_X_y(X, y)
        seed = check_integer("random_state", self.random_state, 0)
        self.n_features_in_ = X.shape[1]
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise InputError("y must hold two classes at least, got one class")
        self.prediction_: Prediction | None = None
        model, mine = self._estimator(X, y, seed)
        self.scores_ = hardness(model, X)
        if self.rule == "theory":
            self.prediction_ = predict(
                X, y, scores=self.scores_, penalty=self.penalty, keep=self.keep, rules=RULES,
                seed=seed,
            )  # fmt: skip
            best = self.prediction_.best[0]
            self.rule_, self.keep_ = best.rule, best.keep_fraction
        else:
            self.rule_ = of_ranks(self.rule).name
            self.keep_ = check_number("keep", self.keep, 0.0, 1.0, low_open=True)
        free = np.setdiff1d(np.arange(len(y)), mine)
        self.support_ = free[kept_examples(self.scores_[free], self.keep_, self.rule_, seed=seed)]
        self.sample_weight_ = np.zeros(len(y))
        self.sample_weight_[self.support_] = 1.0
        return self

    def get_support(self, indices: bool = False) -> Bool[Array, " n"] | Int[Array, " kept"]:
        """A mask of the kept examples, or their numbers."""
        check_is_fitted(self, "support_")
        return self.support_ if indices else self.sample_weight_ > 0.0

    def fit_resample(self, X: Any, y: Any) -> tuple[Array, Array]:
        """The kept examples and their labels: imbalanced-learn's habit, for its pipelines."""
        self.fit(X, y)
        return np.asarray(X)[self.support_], np.asarray(y)[self.support_]

    def _estimator(self, X: Array, y: Array, seed: int) -> tuple[Any, Int[Array, " rows"]]:
        """The fitted estimator, and the examples that it was trained on here."""
        if self.estimator is not None:
            check_is_fitted(self.estimator)
            return self.estimator, np.zeros(0, dtype=int)
        from sklearn.linear_model import LogisticRegression

        order = np.random.default_rng([seed, 8]).permutation(len(y))
        mine = np.sort(order[: max(len(y) // 10, 2 * len(self.classes_))])
        if len(np.unique(y[mine])) < len(self.classes_):
            raise InputError(
                f"estimator must be given: a tenth of {len(y)} examples lacks one of the classes"
            )
        return LogisticRegression(max_iter=1000).fit(X[mine], y[mine]), mine


def hardness(model: Any, X: Float[Array, "n d"]) -> Float[Array, " n"]:
    """Minus the margin of a fitted estimator: |h|, or the difference of the two largest fields."""
    how = [name for name in ("decision_function", "predict_proba") if hasattr(model, name)]
    if not how:
        raise InputError("estimator must have decision_function or predict_proba")
    fields = np.asarray(getattr(model, how[0])(X), dtype=np.float64)
    if fields.ndim == 1:
        return -np.abs(fields)
    top = np.sort(fields, axis=1)
    return top[:, -2] - top[:, -1]
