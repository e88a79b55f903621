"""The bundle's files, read strictly, and its references resolved as `bundle deploy` would."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REFERENCE = re.compile(r"\$\{([^}]+)\}")
# What the CLI knows without a workspace's answer, as a deploy by somebody would see it.
KNOWN = {
    "bundle.name": "stockade",
    "bundle.git.commit": "0" * 40,
    "workspace.current_user.userName": "someone@example.com",
    "workspace.current_user.short_name": "someone",
}
# What a resource has besides what its file gives.
GIVEN = {"jobs": {"id"}, "schemas": {"id"}, "dashboards": {"id"}, "experiments": {"id"}}


class Strict(yaml.SafeLoader):
    """YAML lets a key stand twice, and drops the first: here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise yaml.constructor.ConstructorError(
                    None, None, f"line {line}: the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass
class Bundle:
    """What was read; `faults` grows as it is looked through."""

    root: Path
    top: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[tuple[str, str], Path] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def read(root: Path) -> Bundle:
    bundle = Bundle(root)
    bundle.top = _load(bundle, root / "databricks.yml")
    _add(bundle, root / "databricks.yml", bundle.top)
    for pattern in bundle.top.get("include", []):
        paths = sorted(root.glob(pattern))
        if not paths:
            bundle.faults.append(f"include '{pattern}' matches no file: nothing would be deployed")
        for path in paths:
            _add(bundle, path, _load(bundle, path))
    keys: dict[str, str] = {}
    for kind, found in bundle.resources.items():
        for key in found:
            if key in keys:
                bundle.faults.append(f"'{key}' is a key of {keys[key]} and of {kind}: rename one")
            keys[key] = kind
    return bundle


def _load(bundle: Bundle, path: Path) -> dict[str, Any]:
    try:
        return yaml.load(path.read_text(), Strict) or {}  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as fault:
        bundle.faults.append(f"{path.name}: {getattr(fault, 'problem', fault)}")
        return {}


def _add(bundle: Bundle, path: Path, content: Mapping[str, Any]) -> None:
    for kind, found in content.get("resources", {}).items():
        for key, value in found.items():
            bundle.resources.setdefault(kind, {})[key] = value
            bundle.files[kind, key] = path
    if content is bundle.top:
        return
    for name, target in content.get("targets", {}).items():
        mine = bundle.top.get("targets", {}).get(name)
        if mine is None:
            bundle.faults.append(f"{path.name}: no target '{name}' to add resources to")
            continue
        mine["resources"] = _merged(mine.get("resources", {}), target.get("resources", {}))
        for kind, found in target.get("resources", {}).items():
            for key in found:
                bundle.files.setdefault((kind, key), path)


def _merged(under: Any, over: Any) -> Any:
    """As the command merges a target into the rest: mappings by key, lists one after the other."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{k: _merged(under[k], v) if k in under else v for k, v in over.items()}}
    if isinstance(under, list) and isinstance(over, list):
        return [*under, *over]
    return over


def merged(bundle: Bundle, target: str) -> dict[str, dict[str, Any]]:
    """The resources of a target as they are written, by kind and key."""
    chosen = bundle.top.get("targets", {}).get(target) or {}
    return _merged(bundle.resources, chosen.get("resources", {}))


def resolved(bundle: Bundle, target: str) -> dict[str, dict[str, Any]]:
    """The resources with every `${...}` put in; a reference that leads nowhere is a fault."""
    chosen = bundle.top.get("targets", {}).get(target) or {}
    values: dict[str, Any] = {f"bundle.{k}": v for k, v in bundle.top.get("bundle", {}).items()}
    values |= KNOWN | {"bundle.target": target}
    given = chosen.get("variables", {})
    declared = bundle.top.get("variables", {})
    for name in given:
        if name not in declared:
            bundle.faults.append(f"target '{target}' sets variable '{name}', which is not declared")
    for name, one in declared.items():
        if name in given or "default" in one:
            values[f"var.{name}"] = given.get(name, one.get("default"))
        else:
            bundle.faults.append(f"target '{target}': variable '{name}' has no value")
    if "service_principal_name" in chosen.get("run_as", {}):
        # Who deploys there has an id, where a person has an address.
        values["workspace.current_user.userName"] = "${var.service_principal}"
    resources = merged(bundle, target)
    for kind, found in resources.items():
        for key, resource in found.items():
            values |= {f"resources.{kind}.{key}.{k}": v for k, v in resource.items()}
            # Known after the deploy only: they stay as they are, which the typed models take.
            names = [f"resources.{kind}.{key}.{k}" for k in GIVEN.get(kind, ())]
            values |= {name: f"${{{name}}}" for name in names}
    values |= {f"workspace.{k}": v for k, v in chosen.get("workspace", {}).items()}
    whole = {"resources": resources, "target": chosen}
    done = _put_in(whole, values, bundle, f"target '{target}'", 0)
    return {**done["resources"], "target": done["target"]}


def _put_in(value: Any, values: Mapping[str, Any], bundle: Bundle, where: str, depth: int) -> Any:
    if isinstance(value, dict):
        return {
            key: _put_in(
                inner, values, bundle, f"{where}, {key}" if depth < 4 else where, depth + 1
            )
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_put_in(inner, values, bundle, where, depth) for inner in value]
    if not isinstance(value, str):
        return value
    alone = REFERENCE.fullmatch(value)
    if alone is not None and values.get(alone[1]) == value:
        return value
    if alone is not None and alone[1] in values:
        return _put_in(values[alone[1]], values, bundle, where, depth)
    for name in dict.fromkeys(REFERENCE.findall(value)):
        if name not in values:
            fault = f"{where}: '${{{name}}}' leads nowhere: no such variable or resource"
            if fault not in bundle.faults:
                bundle.faults.append(fault)
            continue
        inner = _put_in(values[name], values, bundle, where, depth)
        value = value.replace(f"${{{name}}}", str(inner))
    return value


def texts(value: Any) -> Iterator[str]:
    """Every string of a piece of the bundle."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
