"""Checks of what may include what, and of sizes and shapes of files."""

import re

# Who may include whom. A room may always include itself, the standard library and third-party headers.
BELOW_ENGINE = {"base", "env", "store", "protocol", "durability", "commands"}
MAY_INCLUDE = {
    "base": set(),
    "env": {"base"},
    "store": {"base"},
    "protocol": {"base"},
    "durability": {"base", "env", "store"},
    "commands": {"base", "store", "protocol"},
    "engine": BELOW_ENGINE,
    "net": {"base", "env"},
    "cluster": BELOW_ENGINE | {"engine", "net"},
    "server": BELOW_ENGINE | {"engine", "net", "cluster"},
}
# These stand outside and may include anything; nothing includes them.
ANYTHING = {"main", "benchmarks", "tests", "examples"}
# Commands know requests and replies, not the bytes of a protocol. (Their tests may use a real writer.)
NEUTRAL_PROTOCOL_HEADERS = {"protocol/request.h", "protocol/reply_writer.h"}
# Every room may say why it failed; the rest of the public API is implemented by engine and used from above it.
STATUS_HEADER = "kvstore/status.h"
PUBLIC_API_USERS = {"engine", "cluster", "server"} | ANYTHING

LINES_WARN, LINES_MAX, TEST_LINES_MAX = 400, 600, 1000
COLUMNS_MAX = 120
FUNCTION_LINES_MAX = 70

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(source):
    for number, line in enumerate(source.lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def import_direction(sources):
    findings = []
    for source in (s for s in sources if s.is_cpp and s.path.startswith("src/")):
        if source.room in ANYTHING:
            continue
        if source.room not in MAY_INCLUDE:
            findings.append(source.at(1, f"room '{source.room}' is not in the table of who may include whom"))
            continue
        findings += [source.at(number, problem) for number, quote, target in includes(source)
                     for problem in [forbidden_include(source, quote, target)] if problem]
    return findings


def forbidden_include(source, quote, target):
    """Why `source` may not include `target`, or None."""
    folder = target.split("/")[0]
    if target == STATUS_HEADER:
        return None
    if folder == "kvstore" and "/" in target:
        allowed = source.room in PUBLIC_API_USERS
        return None if allowed else f"{source.room} may use only {STATUS_HEADER} of the public API"
    if folder in MAY_INCLUDE or folder in ANYTHING:
        if folder == source.room:
            return None
        if folder not in MAY_INCLUDE[source.room]:
            return f"{source.room} may not include {folder} ({target})"
        if source.room == "commands" and folder == "protocol" and not source.is_test \
                and target not in NEUTRAL_PROTOCOL_HEADERS:
            return f"commands may include only the neutral types of protocol, not {target}"
        return None
    return f'"{target}" names no room; write "room/file.h"' if quote == '"' else None


def rooms_link_what_they_may_include(sources):
    """kvstore_room(x DEPENDS ...) of CMake must stay within the same table."""
    findings = []
    for source in (s for s in sources if s.name == "CMakeLists.txt" and s.path.startswith("src/")):
        call = re.search(r"kvstore_room\((\w+)[^)]*?DEPENDS\s+([\w\s]*?)\s*(?:LIBRARIES[^)]*)?\)", source.text)
        if call and call.group(1) in MAY_INCLUDE:
            extra = set(call.group(2).split()) - MAY_INCLUDE[call.group(1)]
            findings += [source.at(1, f"{call.group(1)} may not link {room}") for room in sorted(extra)]
    return findings


def public_headers_use_only_std(sources):
    findings = []
    for source in (s for s in sources if s.is_header and s.path.startswith("include/")):
        for number, quote, target in includes(source):
            standard = quote == "<" and "/" not in target and "." not in target
            if not standard and not (quote == '"' and target.startswith("kvstore/")):
                findings.append(source.at(number, f"a public header may include only std and kvstore/, not {target}"))
    return findings


def file_sizes(sources):
    findings = []
    for source in (s for s in sources if s.suffix in (".h", ".cc", ".py", ".sh")):
        limit = TEST_LINES_MAX if source.is_test else LINES_MAX
        if len(source.lines) > limit:
            findings.append(source.at(limit, f"{len(source.lines)} lines, more than {limit}: split it by subject"))
    return findings


def file_size_warnings(sources):
    return [source.at(LINES_WARN, f"{len(source.lines)} lines, more than {LINES_WARN}")
            for source in sources if source.is_cpp and not source.is_test and len(source.lines) > LINES_WARN]


def line_lengths(sources):
    return [source.at(number, f"{len(line)} columns, more than {COLUMNS_MAX}")
            for source in sources if source.is_cpp or source.suffix == ".cmake"
            for number, line in enumerate(source.lines, 1) if len(line) > COLUMNS_MAX and "://" not in line]


def functions(source):
    """(name, first line, number of lines) of each function body, found by the indentation that clang-format gives."""
    start = None  # line on which the current statement began
    for index, line in enumerate(source.lines):
        bare = line.split("//", 1)[0].rstrip()
        if not bare.strip() or bare.lstrip().startswith("#"):
            start = None if not bare.strip() else start
            continue
        if start is None:
            start = index
        if bare.endswith("{"):
            statement = " ".join(source.lines[start:index + 1])
            indent = len(source.lines[start]) - len(source.lines[start].lstrip())
            name = function_name(statement)
            if name and indent <= 2:
                end = next((i for i in range(index + 1, len(source.lines))
                            if source.lines[i].startswith(" " * indent + "}")), len(source.lines) - 1)
                yield name, start + 1, end - start + 1
        if bare.endswith((";", "{", "}", ":")):
            start = None


NOT_FUNCTIONS = re.compile(
    r"^\s*(namespace|class|struct|enum|union|if|for|while|switch|do|else|return|case|extern)\b")


def function_name(statement):
    if NOT_FUNCTIONS.match(statement) or "(" not in statement:
        return None
    before = statement.split("(", 1)[0]
    if "=" in before:
        return None  # an initialiser or a lambda
    words = re.findall(r"[\w:~]+", before)
    return words[-1] if words else None


def function_lengths(sources):
    return [source.at(line, f"{name} has {length} lines, more than {FUNCTION_LINES_MAX}: move parts to functions")
            for source in sources if source.is_cpp and not source.is_test
            for name, line, length in functions(source) if length > FUNCTION_LINES_MAX]
