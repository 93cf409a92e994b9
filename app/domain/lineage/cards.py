"""Dataset and model cards as Markdown: current numbers, escaped user text, no names of people.

Pure: takes the results of queries. Purpose, bias and fitness are left as questions to the people responsible.
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

MARKDOWN_CHARACTERS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~])")
MIN_SOURCE_EXAMPLES = 5
"""A source with fewer examples might be a person's name; such sources are summed up."""


def escape_markdown(text: str) -> str:
    """Return user text on one line, escaped for Markdown and HTML."""
    return MARKDOWN_CHARACTERS.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def version_card(project: Project, version: DatasetVersion, lineage: Lineage, present: dict[str, int]) -> str:
    """Return the card of a version. `present` maps a split to its current number of examples."""
    front = {"pretty_name": f"{project.name}, version {version.number}", "language": project.languages}
    front |= {"task_categories": [project.task], "license": sorted({row["licence"] for row in lineage.licences})}
    rows = [[split, frozen, present[split]] for split, frozen in version.counts.items() if split in present]
    parts = [
        _front(front),
        f"# {escape_markdown(project.name)}, version {version.number}: {escape_markdown(version.name)}",
        f"Prompt-completion pairs for {escape_markdown(project.task)}, written and reviewed by people. "
        f"SHA-256 of the version as frozen on {version.created_at:%Y-%m-%d}: `{version.hash}`",
        "## Examples",
        _table(["Split", "Frozen", "Current"], rows),
        f"{lineage.withdrawn:,} of {lineage.pairs:,} examples were withdrawn since and removed from every file.",
        "## Provenance",
        f"{len(lineage.authors):,} authors and {len(lineage.reviewers):,} reviewers, under pseudonyms. "
        f"The examples have {lineage.revisions:,} revisions.",
        _table(["License", "Examples"], [[row["licence"], row["count"]] for row in lineage.licences]),
        _table(["Source", "Examples"], _sources(lineage)),
        "## Reviews",
        _table(
            ["Decision", "In bulk", "Count"], [[d["decision"], d["in_bulk"], d["count"]] for d in lineage.decisions]
        ),
        *_declarations(lineage),
        "## Leakage between splits",
        f"Near-duplicates across splits: {version.leak_report.get('near_duplicates_across_splits', 'not measured')}.",
        "## Questions to the people responsible",
        "- What are the intended uses of the data, and what is out of scope?\n- Which groups or topics are missing?\n"
        "- Who maintains the data?",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def model_card(
    project: Project,
    model: ModelVersion,
    run: TrainingRun,
    version: DatasetVersion,
    report: dict[str, Any],
    withdrawn: int,
) -> str:
    """Return the card of a model. `report` is `evaluations.queries.report_of`; `withdrawn` counts withdrawn training
    examples."""
    base = str(run.recipe.get("base_model", "starter"))
    metrics = [
        [name, *(_interval(result[side]) for side in ("base", "tuned", "delta")), result["delta"]["p"]]
        for name, result in sorted(report["metrics"].items(), key=lambda item: item[0] != report["primary"])
    ]
    parts = [
        _front({"base_model": base, "language": project.languages, "task": project.task}),
        f"# {escape_markdown(project.name)}, model {model.number}",
        f"{escape_markdown(base)}, fine-tuned on version {version.number} (SHA-256 `{version.hash}`) "
        f"by run {run.number}. Stage: {escape_markdown(model.stage)}.",
        f"**Trained on withdrawn data:** {withdrawn:,} examples were withdrawn since." if withdrawn else "",
        "## Recipe",
        f"```json\n{json.dumps(run.recipe, indent=1, sort_keys=True).replace('`', '')}\n```",
        f"## Evaluation on {report['n']:,} test examples",
        _table(["Metric", "Base (95% interval)", "Tuned (95% interval)", "Difference", "p"], metrics),
        "\n".join(f"- {escape_markdown(note)}" for note in report.get("notes", [])),
        "## Limits",
        "The test examples have the same origin as the training data; the scores say nothing about other data. "
        "The model may repeat training texts. Scores of slices with few examples may be due to chance.",
        "## Questions to the people responsible",
        "- What are the intended uses of the model, and what is out of scope?\n- What harm could a wrong answer do?\n"
        "- Who is the contact?",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sources(lineage: Lineage) -> list[list[Any]]:
    frequent = [row for row in lineage.sources if row["count"] >= MIN_SOURCE_EXAMPLES and row["source"]]
    rest = lineage.pairs - sum(row["count"] for row in frequent)
    others = [["others (fewer than five examples each, or withdrawn)", rest]] if rest else []
    return [[row["source"], row["count"]] for row in frequent] + others


def _declarations(lineage: Lineage) -> list[str]:
    assistance = [[ASSISTANCE.get(row["assistance"], "Not stated"), row["count"]] for row in lineage.assistance]
    warnings = [[name_of(row["code"]), row["count"]] for row in lineage.waivers]
    mean, counted = lineage.pasted["mean"], lineage.pasted["count"]
    pasted = f"{mean:.0%} of a text on average, over {counted:,} examples" if counted else "not counted in any example"
    return [
        "## Declarations of the authors",
        "Authors declare AI assistance themselves; pasted text is counted in the author's browser.",
        _table(["AI assistance", "Examples"], assistance),
        f"Pasted text: {pasted}.",
        _table(["Warning kept with a reason", "Examples"], warnings) or "No warning was kept with a reason.",
    ]


def _interval(value: dict[str, Any]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _table(header: list[str], rows: list[list[Any]]) -> str:
    lines = [header, ["---"] * len(header), *([escape_markdown(str(cell)) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) if rows else ""


def _front(values: dict[str, Any]) -> str:
    """Return YAML front matter; JSON is YAML."""
    return "---\n" + "\n".join(f"{key}: {json.dumps(value)}" for key, value in values.items()) + "\n---"
