"""The page of a search: trials in their order, by each setting, and what mattered."""

import html

from kapps.recipes import _search
from kapps.reports import charts, page

FEW = 4  # finished trials before anything is said about what mattered
TREES = 64  # of the forest that says it


def render(study, settings, plan) -> str:
    """The page as text.

    Args:
        study: Optuna's, with a finished trial.
        settings: of `kapps tune`.
        plan: `_search.Plan`.
    """
    best, trials = study.best_trial, _search.done(study)
    done = [trial for trial in trials if trial.state.name == "COMPLETE"]
    facts = [
        (f"{plan.metric.name} of the best trial", plan.text(best.value)),
        ("trials", str(len(trials))),
        ("ended early", str(sum(trial.state.name == "PRUNED" for trial in trials))),
    ]
    chosen = plan.settings_of(best.params)
    rows = [(name, str(value)) for name, value in chosen.items()]
    body = f"""<h1>Search for {html.escape(settings.model)} on {html.escape(settings.data)}</h1>
<p>kapps tune, trials of kapps {settings.job}; best.yaml beside this page has the best settings.</p>
{page.tiles(facts)}
<h2>Trials</h2>
<div class="grid2">{"".join(_cards(done, plan))}</div>
{_importance(study, done)}
<h2>The best settings</h2>
<div class="card">{page.table(("setting", "value"), rows)}</div>
<details><summary>All trials</summary>
<div class="card gap">{_table(trials, plan)}</div></details>"""
    return page.page(f"search: {settings.model}", body)


def _cards(done: list, plan) -> list[str]:
    name = plan.metric.name
    better = max if plan.metric.higher else min
    points = [(trial.number + 1, trial.value) for trial in done]
    until = [(n, better(v for m, v in points if m <= n)) for n, _ in points]
    lines = {"trial": points, "best so far": until}
    found = [charts.curve(f"{name} by trial", lines, axes=("trial", name), dots=True)]
    for key in plan.ranges:
        pairs = sorted((trial.params[key], trial.value) for trial in done)
        log = key in ("learning_rate", "weight_decay")
        title = f"{name} by {key.replace('_', ' ')}"
        axis = "strength of augment" if key == "augment" else key.replace("_", " ")
        found.append(charts.curve(title, {"": pairs}, axes=(axis, name), log=log, dots=True))
    return [f'<div class="card">{chart}</div>' for chart in found]


def importance(study, done: list) -> dict[str, float]:
    """The share of each setting in how much the finished trials differ; {} of too few of them."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    if len(done) < FEW or len({trial.value for trial in done}) < 2:
        return {}
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=0)
    return get_param_importances(study, evaluator=evaluator)


def _importance(study, done: list) -> str:
    found = importance(study, done)
    if not found:
        return ""
    bars = "".join(
        f"<span>{html.escape(name)}</span><i style='width:{max(share, 0.004):.1%}'></i>"
        f"<em>{share:.0%}</em>"
        for name, share in found.items()
    )
    return (
        "<h2>What mattered</h2><p>The share of each setting in how much the finished trials differ "
        f"(fANOVA, Hutter et al., 2014), from {len(done)} trials: a hint, not a measurement.</p>"
        f'<div class="card"><div class="bars">{bars}</div></div>'
    )


def _table(trials: list, plan) -> str:
    columns = (">trial", "state", f">{plan.metric.name}", *(f">{key}" for key in plan.ranges))
    states = {"COMPLETE": "finished", "PRUNED": "ended early", "FAIL": "failed"}
    rows = []
    for trial in trials:
        last = max(trial.intermediate_values.items(), default=(0, None))[1]
        value = trial.value if trial.state.name == "COMPLETE" else last
        cells = [f"{trial.params[k]:.3g}" if k in trial.params else "-" for k in plan.ranges]
        shown = "-" if value is None else plan.text(value)
        rows.append((trial.number + 1, states[trial.state.name], shown, *cells))
    return page.table(columns, rows)
