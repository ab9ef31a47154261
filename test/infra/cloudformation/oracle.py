"""Holds CloudFormation templates against AWS's resource schemas, and requests against its service models.

Reads a list of stacks from standard input, as check.ts writes it: each with a title, a region, a template
and requests. Prints a document with findings and counts. cfn-lint brings the schemas, botocore
the models.
"""

import json
import re
import sys
from importlib.metadata import version

import botocore.loaders
import botocore.model
from cfnlint.api import lint
from cfnlint.config import ManualArgs

# Within brackets; the texts that they are for have no letters but ASCII's.
JAVA_CLASSES = {
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Graph}": "!-~",
    r"\p{IsAlphabetic}": "a-zA-Z",
    r"\p{Print}": " -~",
    r"\p{L}": "a-zA-Z",
    r"\p{M}": "",
    r"\p{N}": r"\d",
    r"\p{P}": r"!-/:-@\[-`{-~",
    r"\p{S}": "$+<=>^`|~",
    r"\p{Z}": r"\s",
}

loader = botocore.loaders.Loader()
models = {}


def operation_model(name):
    service, operation = name.split(".")
    if service not in models:
        models[service] = botocore.model.ServiceModel(loader.load_service_model(service, "service-2"))
    return models[service].operation_model(operation)


def is_type(value, kind):
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "long"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in ("float", "double"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return True


class Check:
    """One request. Property names match in whatever case, as CloudFormation writes them in its own."""

    def __init__(self, request):
        self.whole = request["whole"]
        self.findings, self.checked, self.unknown = [], 0, 0
        shape = operation_model(request["operation"]).input_shape
        self.value(request["parameters"], shape, request["operation"])
        given = {name.lower() for name in request["parameters"]}
        if self.whole:
            for name in shape.required_members:
                if name.lower() not in given:
                    self.report(request["operation"], f"lacks {name}")

    def report(self, path, message):
        self.findings.append(f"{path} {message}")

    def value(self, value, shape, path):
        kind = shape.type_name
        if kind == "structure":
            return self.members(value, shape, path)
        if kind == "list":
            if not isinstance(value, list):
                return None
            self.length(len(value), shape, path)
            for index, each in enumerate(value):
                self.value(each, shape.member, f"{path}.{index}")
            return None
        if kind == "map":
            if not isinstance(value, dict):
                return None
            for key, each in value.items():
                self.value(key, shape.key, f"{path} key")
                self.value(each, shape.value, f"{path}.{key}")
            return None
        self.checked += 1
        if kind == "string":
            text = value if isinstance(value, str) else json.dumps(value)
            self.length(len(text), shape, path)
            enum, pattern = shape.enum, shape.metadata.get("pattern")
            if enum and text not in enum:
                self.report(path, f"is {text!r}, which is none of {', '.join(enum)}")
            if pattern and not matches(pattern, text):
                self.report(path, f"is {text!r}, which does not match {pattern}")
        elif kind in ("integer", "long", "float", "double"):
            # CloudFormation has some numbers as text.
            number = float(value) if isinstance(value, str) and re.fullmatch(r"\d+", value) else value
            if not isinstance(number, float) and not is_type(number, kind):
                return self.report(path, f"is {value!r}, which is no {kind}")
            self.length(number, shape, path)
        elif not is_type(value, kind):
            self.report(path, f"is {value!r}, which is no {kind}")
        return None

    def members(self, value, shape, path):
        if not isinstance(value, dict):
            return
        names = {name.lower(): name for name in shape.members}
        for key, each in value.items():
            name = names.get(key.lower())
            if name is not None:
                self.value(each, shape.members[name], f"{path}.{name}")
            elif self.whole:
                self.report(path, f"has no parameter {key}")
            else:
                self.unknown += 1

    def length(self, size, shape, path):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least:
            self.report(path, f"is {size}, below {least}")
        if most is not None and size > most:
            self.report(path, f"is {size}, above {most}")


def is_major_version(found):
    """Whether a version of a database's engine is missing from the list because RDS chooses the minor one."""
    stated = re.match(r"'([\d.]+)' is not one of", found.message)
    return found.rule.id == "E3691" and stated is not None and f"'{stated[1]}." in found.message


def matches(pattern, text):
    """Whether a text matches a pattern of Java's, which differs from Python's in names of classes."""
    for java, python in JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    code_point = r"\\x\{([0-9A-Fa-f]+)\}|\\u([0-9A-Fa-f]{4})"
    pattern = re.sub(code_point, lambda found: chr(int(found[1] or found[2], 16)), pattern)
    # Two halves of one character.
    pattern = pattern.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    try:
        return re.search(f"^(?:{pattern})$", text) is not None
    except re.error:
        unreadable.add(pattern)
        return True


unreadable = set()


def main():
    findings, requests = [], {}
    for stack in json.load(sys.stdin):
        template = json.dumps(stack["template"])
        for found in lint(template, config=ManualArgs(regions=[stack["region"]], ignore_checks=["I", "W"])):
            if not is_major_version(found):
                where = "/".join(str(part) for part in found.path[1:])
                findings.append({"stack": stack["title"], "text": f"{where}: {found.message}"})
        for request in stack["requests"]:
            check = Check(request)
            if not stack["planted"]:
                counts = requests.setdefault(request["operation"], [0, 0])
                counts[0] += check.checked
                counts[1] += check.unknown
            for text in check.findings:
                findings.append({"stack": stack["title"], "text": f"{request['name']}: {text}"})
    json.dump(
        {
            "findings": findings,
            "operations": requests,
            "unreadable": sorted(unreadable),
            "versions": {name: version(name) for name in ("cfn-lint", "botocore")},
        },
        sys.stdout,
    )


main()
