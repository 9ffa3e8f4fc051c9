"""The meta-labeller's twin against libraries that know nothing of it."""

import numpy as np
import pytest
import statsmodels.api as sm
from river import linear_model, optim, preprocessing

from tests.oracle.meta import Logistic, diebold_mariano, sigmoid, standardised

RATES = [(0.01, 0.01, 0.0), (0.05, 0.01, 0.001), (0.05, 0.0, 0.0)]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(("rate", "intercept_rate", "l2"), RATES)
def test_twin_learns_as_river_does(rate, intercept_rate, l2, scaled):
    rng = np.random.default_rng(7)
    samples = rng.standard_t(3, (120, 8))
    samples[:, 3] = 2.5  # a feature that never varies
    labels = rng.random(120) < 1.0 / (1.0 + np.exp(-samples[:, 0] + 0.4))
    model = linear_model.LogisticRegression(optim.SGD(rate), l2=l2, intercept_lr=intercept_rate)
    scaler = preprocessing.StandardScaler()
    twin = Logistic([0.0] * 8)
    seen: list[list[float]] = []
    for row, label in zip(samples.tolist(), labels.tolist(), strict=True):
        named = dict(enumerate(row))
        ours = row
        if scaled:
            scaler.learn_one(named)
            named = scaler.transform_one(named)
            ours = standardised(seen, row)
            seen.append(row)
        theirs = model.predict_proba_one(named)[True]
        assert sigmoid(twin.logit(ours)) == pytest.approx(theirs, abs=1e-9)
        model.learn_one(named, label)
        twin.learn(ours, int(label), rate, intercept_rate, l2)
    assert twin.weights == pytest.approx([model.weights[j] for j in range(8)], abs=1e-9)
    assert twin.intercept == pytest.approx(model.intercept, abs=1e-9)


@pytest.mark.parametrize("count", [10, 31, 64])
def test_statistic_is_the_hac_t_of_the_mean(count):
    rng = np.random.default_rng(count)
    gains = np.convolve(rng.normal(0.1, 1.0, count + 1), [0.5, 0.5], mode="valid")
    hac = {"maxlags": 1, "use_correction": False}
    fit = sm.OLS(gains, np.ones(count)).fit(cov_type="HAC", cov_kwds=hac)
    assert diebold_mariano(gains.tolist()) == pytest.approx(float(fit.tvalues[0]), abs=1e-12)


def test_statistic_says_nothing_of_few_blocks():
    assert diebold_mariano([1.0] * 9) == 0.0
    assert diebold_mariano([1.0] * 12) == 0.0
