"""Whole classes of holes are absent because what makes them is absent: read from the sources, not from a run."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from app.cli import services
from app.main import create_app
from app.settings import Settings
from trainer.protocol import Recipe

pytestmark = pytest.mark.assurance
Tally = Callable[[str, int], None]

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("app", "trainer", "migrations") for path in (ROOT / folder).rglob("*.py"))
TREES = {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in SOURCES}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

UNPICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "joblib", "dill", "marshal", "shelve", "jsonpickle"}
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp", "yaml.load",
    "yaml.unsafe_load", "yaml.full_load", "torch.load", "numpy.load", "np.load",
    "hashlib.md5", "hashlib.sha1", "pandas.read_pickle",
    "commands.getoutput", "subprocess.getoutput", "subprocess.getstatusoutput", "ssl._create_unverified_context",
}  # fmt: skip
SECRETS = re.compile(r"(secret|token|passwords?|csrf\w*|signature|otp|nonce|cookie)$", re.IGNORECASE)
NOT_SECRET = {
    ("app/core/jobs.py", "job.token != token"): "a fencing token: a number that rises with every claim",
    ("app/core/jobs.py", "Job.token == sign.token"): "a fencing token: a number that rises with every claim",
}
MARKUP = {
    ("app/web/render.py", "markdown"): "wraps what nh3 has just cleaned",
    ("app/web/help.py", "page_html"): "wraps what nh3 has just cleaned, of files that the release ships",
    ("app/web/render.py", "shown"): "escapes first, then adds chips of its own around code points",
    ("app/web/render.py", "render"): "the form field of the CSRF token, which is formatted and so escaped",
}
PATHLIKE = re.compile(r"(^|_)(path|dir|directory|folder|output|filename|file_name|dest|destination|root)s?($|_)")


def dotted(node: ast.AST) -> str:
    """os.path.join as text; empty for what is no plain name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}" if dotted(node.value) else ""
    return node.id if isinstance(node, ast.Name) else ""


def last_name(node: ast.AST) -> str:
    """The word a reader would call this value by."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, Any]]:
    for name, tree in TREES.items():
        yield from ((name, node) for node in ast.walk(tree) if isinstance(node, kind))


def where(name: str, node: Any) -> str:
    return f"{name}:{node.lineno} {ast.unparse(node)[:100]}"


def test_the_sources_are_found(tally: Tally) -> None:
    assert len(TREES) > 100
    assert len(TEMPLATES) > 30
    tally("source files read", len(TREES) + len(TEMPLATES))


def test_nothing_is_unpickled() -> None:
    imports = [(name, [alias.name for alias in node.names]) for name, node in nodes(ast.Import)]
    imports += [(name, [node.module or ""]) for name, node in nodes(ast.ImportFrom)]
    assert [(name, found) for name, found in imports if {one.split(".")[0] for one in found} & UNPICKLERS] == []


def test_no_text_becomes_code_or_a_command() -> None:
    calls = [where(name, node) for name, node in nodes(ast.Call) if dotted(node.func) in CALLS]
    shells = [where(name, node) for name, node in nodes(ast.keyword) if node.arg == "shell"]
    pickles = [where(name, node) for name, node in nodes(ast.keyword) if node.arg == "allow_pickle"]
    weak = [
        where(name, node)
        for name, node in nodes(ast.Call)
        if dotted(node.func) == "hashlib.new" and not (node.args and ast.literal_eval(node.args[0]).startswith("sha2"))
    ]
    assert calls + shells + pickles + weak == []


def test_code_of_a_model_repository_is_never_trusted() -> None:
    named = [where(name, node) for name, node in nodes(ast.keyword) if node.arg == "trust_remote_code"]
    keys = [
        (name, ast.unparse(value))
        for name, node in nodes(ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "trust_remote_code"
    ]
    assert named == []
    assert keys
    assert {value for _, value in keys} == {"False"}


def test_a_secret_is_compared_in_constant_time_or_by_its_digest() -> None:
    wrong = [
        (name, ast.unparse(node))
        for name, node in nodes(ast.Compare)
        if any(isinstance(sign, ast.Eq | ast.NotEq) for sign in node.ops)
        and any(SECRETS.search(last_name(side)) for side in (node.left, *node.comparators))
        and not any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
    ]
    assert [one for one in wrong if one not in NOT_SECRET] == []


def test_certificates_are_always_checked() -> None:
    wrong = [
        where(name, node)
        for name, node in nodes(ast.keyword)
        if node.arg in ("verify", "verify_ssl") and isinstance(node.value, ast.Constant) and node.value.value is False
    ]
    assert wrong == []


def test_no_decision_rests_on_an_assembled_address() -> None:
    """`request.url` is put together from what the client sent; paths and schemes come from the scope."""
    wrong = [
        where(name, node)
        for name, node in nodes(ast.Attribute)
        if node.attr in ("url", "base_url") and last_name(node.value) == "request" and name.startswith("app/")
    ]
    assert wrong == []


def test_templates_escape_everything() -> None:
    open_ = re.compile(r"\|\s*safe\b|autoescape\s+false|\|\s*forceescape|Markup")
    assert [path.name for path in TEMPLATES if open_.search(path.read_text())] == []


def test_text_is_declared_to_be_markup_only_where_it_was_cleaned() -> None:
    found = set()
    for name, tree in TREES.items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
                found |= {(name, function.name) for node in calls if last_name(node.func) == "Markup"}
    assert found - set(MARKUP) == set()


def test_sql_is_never_put_together_from_text() -> None:
    """text() gets a literal; what varies is a bound parameter."""
    wrong = [
        where(name, node)
        for name, node in nodes(ast.Call)
        if dotted(node.func) in ("text", "sqlalchemy.text", "sa.text")
        and name.startswith("app/domain")
        and node.args
        and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert wrong == []


# --- secrets in the repository ---

TOKENS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}|\bprc_[A-Za-z0-9_-]{30,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bsk-[A-Za-z0-9]{30,}|\bhf_[A-Za-z0-9]{30,}|\bxox[abp]-[A-Za-z0-9-]{20,}"
)


def test_no_secret_is_written_down_in_the_repository(tally: Tally) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    files = [ROOT / name for name in listed.split("\0") if name] or [*SOURCES, *TEMPLATES]
    made_up = ROOT / "tests" / "domain" / "checks"  # keys as they look, for the check that finds them in pairs
    texts = [
        path
        for path in files
        if path.is_file() and path.suffix not in (".png", ".safetensors") and not path.is_relative_to(made_up)
    ]
    found = [path.name for path in texts if TOKENS.search(path.read_text(encoding="utf-8", errors="replace"))]
    assert found == []
    tally("files searched for secrets", len(texts))


def test_no_variable_holds_a_literal_secret() -> None:
    wrong = []
    for name, node in [*nodes(ast.Assign), *nodes(ast.AnnAssign), *nodes(ast.keyword)]:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [node.arg or ""] if isinstance(node, ast.keyword) else [last_name(one) for one in targets if one]
        literal = node.value.value if isinstance(node.value, ast.Constant) else None
        secret = any(re.search(r"(secret|password|api_key|private_key)", one, re.IGNORECASE) for one in names)
        if secret and isinstance(literal, str) and len(literal) >= 8 and re.fullmatch(r"[\w+/=.-]+", literal):
            wrong.append(f"{name}: {names} = {literal}")
    assert [one for one in wrong if not re.search(r"= (secret_key|PRECEPTOR_\w+|[a-z_]+)$", one)] == []


# --- the interface ---


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("interface")))
    document: dict[str, Any] = app.openapi()
    app.state.database.dispose()
    return document


def _fields(openapi: dict[str, Any]) -> Iterator[str]:
    """Every name by which a request may say something."""
    for schema in openapi["components"]["schemas"].values():
        yield from schema.get("properties", {})
    for operations in openapi["paths"].values():
        for operation in operations.values():
            yield from (one["name"] for one in operation.get("parameters", []))
    yield from Recipe.model_fields


def test_no_request_names_a_place_on_the_server(openapi: dict[str, Any], tally: Tally) -> None:
    fields = sorted(set(_fields(openapi)))
    assert {"messages", "recipe", "cursor", "base_model"} <= set(fields)
    assert [name for name in fields if PATHLIKE.search(name.lower())] == []
    tally("request fields read", len(fields))


def test_every_body_refuses_fields_it_does_not_know(openapi: dict[str, Any]) -> None:
    """The schemas that requests refer to, and those inside them; a response may hold what a trainer sent."""
    schemas = openapi["components"]["schemas"]
    requests = [
        operation["requestBody"]
        for path in openapi["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    ]
    names: set[str] = set()
    pending = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(requests)))
    while pending:
        names |= pending
        inner = json.dumps([schemas[name] for name in pending])
        pending = set(re.findall(r"#/components/schemas/(\w+)", inner)) - names
    bodies = {
        name: schemas[name] for name in names if schemas[name].get("type") == "object" and not name.startswith("Body_")
    }
    assert len(bodies) > 20
    assert [name for name, schema in bodies.items() if schema.get("additionalProperties") is not False] == []


# --- what is installed, and what each process is given ---


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])


def test_no_dependency_is_below_its_last_known_advisory(tally: Tally) -> None:
    floors: dict[str, str] = json.loads((Path(__file__).parent / "advisory_floors.json").read_text())["floors"]
    below, seen = [], 0
    for package, floor in floors.items():
        try:
            installed = version(package)
        except PackageNotFoundError:
            continue
        seen += 1
        if _numbers(installed) < _numbers(floor):
            below.append(f"{package} {installed} < {floor}")
    assert below == []
    assert seen >= 5
    tally("packages above their advisories", seen)


def test_the_trainer_is_given_neither_the_database_nor_any_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets = {
        name: f"canary-{at}"
        for at, name in enumerate(
            (
                "PRECEPTOR_DATABASE_URL", "PRECEPTOR_SECRET_KEY", "PRECEPTOR_SECRET_KEY_FILE", "PRECEPTOR_STORAGE_URL",
                "PRECEPTOR_AUDIT_KEY_FILE", "PRECEPTOR_OIDC_CLIENT_SECRET", "PGPASSWORD", "PGHOST", "PGUSER",
                "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "FSSPEC_S3_SECRET",
            )
        )
    }  # fmt: skip
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    given = services.trainer_environment(Settings(data_dir=tmp_path, secret_key=""), "http://127.0.0.1:1", "token")
    assert set(secrets) & set(given) == set()
    assert [value for value in given.values() if "canary-" in value] == []
    assert given["HF_HUB_OFFLINE"] == "1"


def test_the_default_start_listens_on_this_machine_only() -> None:
    command = services.web_command("127.0.0.1", 8080)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    main = TREES["app/cli/main.py"]
    defaults = [
        ast.unparse(default)
        for function in ast.walk(main)
        if isinstance(function, ast.FunctionDef) and function.name in ("up", "web")
        for argument, default in zip(function.args.args, function.args.defaults, strict=False)
        if argument.arg == "host"
    ]
    assert defaults == ["'127.0.0.1'"] * 2
