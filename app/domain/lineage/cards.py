"""Cards of a version and of a model as Markdown: numbers counted anew each time, authored words escaped, nobody named.

Pure: takes what the queries found. What only people know (purpose, bias, fitness) is left as open questions.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

from app.domain.checks.registry import name_of
from app.domain.lineage.queries import Lineage
from app.domain.models.tables import ModelVersion
from app.domain.pairs.declarations import ASSISTANCE
from app.domain.projects.tables import Project
from app.domain.runs.tables import TrainingRun
from app.domain.versions.tables import DatasetVersion

MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~])")
FEW = 5
"""A source that fewer examples name could name a person; such sources are added up."""


def escaped(text: str) -> str:
    """Authored text on one line, without any meaning in Markdown or HTML."""
    return MARKS.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def of_version(project: Project, version: DatasetVersion, found: Lineage, present: dict[str, int]) -> str:
    """`present` maps a split to the examples that are there today."""
    front = {"pretty_name": f"{project.name}, version {version.number}", "language": project.languages}
    front |= {"task_categories": [project.task], "license": sorted({one["licence"] for one in found.licences})}
    rows = [[split, frozen, present[split]] for split, frozen in version.counts.items() if split in present]
    parts = [
        _front(front),
        f"# {escaped(project.name)}, version {version.number}: {escaped(version.name)}",
        f"Prompt-completion pairs for {escaped(project.task)}, written and reviewed by people. "
        f"SHA-256 of the version as frozen on {version.created_at:%Y-%m-%d}: `{version.hash}`",
        "## Examples",
        _table(["Split", "Frozen", "Present today"], rows),
        f"{found.withdrawn} of {found.pairs} examples were withdrawn since; their texts are gone from every file.",
        "## Where they come from",
        f"{len(found.authors)} authors and {len(found.reviewers)} reviewers, behind pseudonyms; "
        f"{found.revisions} revisions stand behind the examples.",
        _table(["Licence", "Examples"], [[one["licence"], one["count"]] for one in found.licences]),
        _table(["Source", "Examples"], _sources(found)),
        "## How they were judged",
        _table(["Verdict", "In bulk", "Count"], [[d["decision"], d["in_bulk"], d["count"]] for d in found.decisions]),
        *_declared(found),
        "## Leakage between splits",
        f"Near-duplicates across splits: {version.leak_report.get('near_duplicates_across_splits', 'not measured')}.",
        "## To be answered by the people responsible",
        "- What are the data meant for, and what not?\n- Whom or what do they leave out?\n- Who keeps them up?",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def of_model(
    project: Project, model: ModelVersion, run: TrainingRun, version: DatasetVersion, report: dict[str, Any], gone: int
) -> str:
    """`report` is a `trainer.protocol.Report`; `gone` counts examples withdrawn since the model learned from them."""
    base = str(run.recipe.get("base_model", "starter"))
    metrics = [
        [name, *(_interval(result[side]) for side in ("base", "tuned", "delta")), result["delta"]["p"]]
        for name, result in sorted(report["metrics"].items(), key=lambda one: one[0] != report["primary"])
    ]
    parts = [
        _front({"base_model": base, "language": project.languages, "task": project.task}),
        f"# {escaped(project.name)}, model {model.number}",
        f"{escaped(base)}, fine-tuned on version {version.number} (SHA-256 `{version.hash}`) by run {run.number}. "
        f"Stage: {escaped(model.stage)}.",
        f"**Trained on withdrawn data:** {gone} examples were withdrawn since." if gone else "",
        "## Recipe",
        f"```json\n{json.dumps(run.recipe, indent=1, sort_keys=True).replace('`', '')}\n```",
        f"## Evaluation on {report['n']} test examples",
        _table(["Metric", "Base (95 % interval)", "Tuned (95 % interval)", "Difference", "p"], metrics),
        "\n".join(f"- {escaped(note)}" for note in report.get("notes", [])),
        "## Limits",
        "Measured on examples of the same origin as the training data; nothing is known of other data. The model may "
        "repeat texts that it learned from. Scores of slices with few examples may be chance.",
        "## To be answered by the people responsible",
        "- What is the model meant for, and what not?\n- What harm could a wrong answer do?\n- Whom to ask?",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sources(found: Lineage) -> list[list[Any]]:
    rows = [[one["source"], one["count"]] for one in found.sources if one["count"] >= FEW and one["source"]]
    rest = found.pairs - sum(row[1] for row in rows)
    return rows + ([["others, fewer than five examples each, or withdrawn", rest]] if rest else [])


def _declared(found: Lineage) -> list[str]:
    helped = [[ASSISTANCE.get(one["assistance"], "Not said"), one["count"]] for one in found.assistance]
    kept = [[name_of(one["code"]), one["count"]] for one in found.waivers]
    mean, counted = found.pasted["mean"], found.pasted["count"]
    pasted = f"{mean:.0%} of a text on average, over {counted} examples" if counted else "counted in no example"
    return [
        "## What their authors declared",
        "Facts, not faults: help is what the author says; pasted text is counted in the author's browser.",
        _table(["Help with the text", "Examples"], helped),
        f"Pasted text: {pasted}.",
        _table(["Warning kept with a reason", "Examples"], kept) or "No warning was kept with a reason.",
    ]


def _interval(value: dict[str, Any]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *([escaped(str(cell)) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) if rows else ""


def _front(values: dict[str, Any]) -> str:
    """YAML front matter; JSON is YAML."""
    return "---\n" + "\n".join(f"{key}: {json.dumps(value)}" for key, value in values.items()) + "\n---"
