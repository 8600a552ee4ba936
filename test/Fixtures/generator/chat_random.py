"""Random chat templates: expressions and statements of all kinds, most of which can be rendered."""

import json

VARIABLES = {
    "messages": [
        {"role": "system", "content": "  Be brief.\n"},
        {"role": "user", "content": "Hi é😀 <b>?"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "a1", "function": {"name": "f", "arguments": {"x": 1, "y": [None, True]}}}]},
        {"role": "tool", "content": [{"type": "text", "text": "42"}, {"type": "image"}]},
    ],
    "s": "Hello, World",
    "t": "  a-b  c\n\nd_É ",
    "e": "",
    "n": 7,
    "m": -3,
    "z": 0,
    "f": 2.5,
    "g": -0.125,
    "big": 123456789012,
    "yes": True,
    "no": False,
    "nil": None,
    "l": [3, 1, 2],
    "w": ["b", "A", "c", "a"],
    "mix": [1, "x", None, 2.0, [4]],
    "d": {"b": 1, "a": [1, {"z": None}], "items": "own"},
    "q": {},
    "rows": [{"k": "x", "v": 2}, {"k": "Y", "v": 1}, {"k": "x", "v": 3}],
}
TEXT = json.dumps(VARIABLES, ensure_ascii=False)

NUMBERS = ["n", "m", "z", "f", "g", "1", "2", "-1", "0", "3.5", "10", "1e3", "yes", "l[0]", "l|length", "s|length", "loop.index", "big"]
STRINGS = ["s", "t", "e", "'a'", "'x y'", '"It\'s"', "'\\n'", "w[0]", "messages[1].content", "messages[0]['role']", "'%s-%s'", "'{}/{}'", "'é'", "'a,b,,c'"]
LISTS = ["l", "w", "mix", "messages", "rows", "[1, 2, 'a']", "[]", "(1, 'b')", "range(4)", "range(5, 0, -2)", "d.keys()", "q.items()", "s.split(',')", "t.split()"]
DICTS = ["d", "q", "{'a': 1, 'b': 'x'}", "messages[2]", "rows[0]", "{1: 2, 'k': [1]}", "dict(a=1)"]
OTHER = ["nil", "none", "true", "no", "undef", "ns", "ns.a", "ns.b", "undef2", "loop"]
#: What fits values of a kind.
FILTERS = {
    "number": ["abs", "round", "round(1)", "round(1, 'floor')", "round(2, 'ceil')", "int", "float", "filesizeformat", "string", "tojson", "default('D')", "d(1, true)", "e", "trim", "upper"],
    "string": [
        "upper", "lower", "title", "capitalize", "trim", "trim('a ')", "length", "count", "list", "first", "last", "join('.')", "sort", "reverse", "unique|list", "int", "int(5)", "int(0, 16)",
        "float", "float(1.5)", "string", "tojson", "tojson(ensure_ascii=true)", "default('D')", "default('D', true)", "replace('a', 'b')", "replace('l', '', 1)", "indent", "indent(2, true)",
        "indent('> ', blank=true)", "center(11)", "wordcount", "truncate(6)", "truncate(8, true)", "truncate(5, false, '~', 0)", "e", "escape", "safe", "forceescape", "striptags", "urlencode",
        "attr('upper')", "map('upper')|list", "select('in', 'aeo')|join", "batch(3)|list", "slice(2)|list", "min", "max",
    ],
    "list": [
        "length", "count", "list", "first", "last", "join", "join(', ')", "reverse|list", "unique|list", "string", "tojson", "tojson(indent=2)", "map('string')|join('|')", "select|list",
        "reject|list", "select('string')|list", "reject('number')|list", "select('in', [1, 'a'])|list", "batch(2)|list", "batch(2, 'f')|list", "slice(2)|list", "slice(3, 0)|list",
        "map('default', 'q')|list", "map('tojson')|join", "sort", "min", "max", "sum", "sort(reverse=true)", "sort(case_sensitive=true)", "map('upper')|list", "select('defined')|list",
        "reject('none')|list", "last|string|upper", "tojson(separators=(',', ':'))", "default([], true)", "reverse|first",
    ],
    "rows": [
        "map(attribute='k')|list", "map(attribute='role', default='?')|join", "selectattr('role')|list|length", "selectattr('k', 'equalto', 'x')|list", "rejectattr('v', 'gt', 1)|list",
        "groupby('k')|list", "groupby('k', case_sensitive=true)", "sort(attribute='v')", "sort(attribute='k,v', reverse=true)", "unique(attribute='k')|list", "min(attribute='v')",
        "max(attribute='k')", "sum(attribute='v')", "sum('v', 5)", "tojson", "map('items')|map('list')|list", "groupby('v', default=0)|map('first')|list", "join(';', attribute='k')", "map('length')|sum",
    ],
    "dict": [
        "length", "list", "first", "last", "items|list", "dictsort", "dictsort(reverse=true)", "dictsort(false, 'value')", "tojson", "tojson(indent=4)", "tojson(sort_keys=true)", "string", "join",
        "xmlattr", "attr('items')", "attr('role')", "default(1)", "urlencode", "map('upper')|list", "tojson(2)", "sort",
    ],
    "any": ["string", "default('D')", "default('D', true)", "tojson", "trim", "upper", "e", "list", "length", "first", "int", "format(1, 2)"],
}
METHODS = {
    "string": [
        "upper()", "lower()", "strip()", "lstrip()", "rstrip()", "strip(' a')", "split()", "split(',')", "split('l', 1)", "rsplit(' ', 1)", "splitlines()", "replace('l', 'L')", "replace('', '-')",
        "startswith('H')", "endswith('d')", "endswith(('x', ' '))", "find('o')", "rfind('o')", "index('a')", "count('l')", "title()", "capitalize()", "swapcase()", "join(['x', 'y'])", "join(w)",
        "format(1, 'z')", "zfill(5)", "center(9, '*')", "ljust(4)", "rjust(14, '.')", "isdigit()", "isalpha()", "isspace()", "isupper()", "islower()", "istitle()", "isalnum()", "partition(',')",
        "rpartition('x')", "removeprefix('He')", "removesuffix('ld')", "casefold()", "expandtabs()", "find('l', 3, -1)", "startswith('l', 2)", "isidentifier()", "isascii()", "isprintable()",
        "count('')", "split(maxsplit=1)", "rsplit('-')", "splitlines(true)", "nothing", "a", "rindex('l')", "lstrip('He')", "split(sep=none)",
    ],
    "dict": ["items()", "keys()", "values()", "get('a')", "get('zz')", "get('zz', 3)", "copy()", "a", "b", "items", "role", "content", "values()|list", "keys()|join", "items()|list|first", "update({})", "pop('a')", "__class__", "k"],
    "list": ["index(1)", "count(1)", "count('x')", "append(1)", "copy()", "0", "1", "sort()", "nothing", "reverse()"],
    "number": ["is_integer()", "bit_length()", "real", "imag", "nothing", "numerator", "conjugate()"],
    "any": ["nothing()", "split", "__class__", "a", "items()"],
}
METHODS["rows"] = METHODS["list"]
TESTS = [
    "defined", "undefined", "none", "not none", "string", "not string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence", "iterable", "callable", "odd",
    "even", "divisibleby 3", "divisibleby(2)", "in [1, 'a', 'Hello, World']", "in 'xyz'", "eq 1", "equalto('a')", "ne 2", "gt 1", "lessthan(3)", "ge 2", "sameas none", "sameas true",
    "upper", "lower", "escaped", "filter", "test", "not defined", "not mapping",
]
#: Powers have a small exponent, since Python computes those of any size.
BINARY = ["+", "-", "*", "/", "//", "%", "~", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"]
FORMATS = [
    "'%s' % {}", "'%d|%5.1f|%r' % ({}, {}, {})", "'%-6s|%6s|%%' % ({}, {})", "'%(a)s' % {}", "'%x %o %e %g' % ({}, {}, {}, {})", "'%05d %+d' % ({}, {})", "'{{}} {{:>8}}'.format({}, {})",
    "'{{0!r}} {{1:.2f}}'.format({}, {})", "'{{x:05d}}{{y}}'.format(x={}, y={})", "'{{:,}} {{:<5}}|{{:^7}}'.format({}, {}, {})", "'{{0[a]}} {{0.b}}'.format({})", "'{{:e}} {{:g}} {{:%}}'.format({}, {}, {})",
    "'%c%i' % ({}, {})", "'%.3s|%.0f' % ({}, {})", "'%*d' % ({}, {})", "'{{:#x}} {{:b}} {{:_}}'.format({}, {}, {})",
]


class Random:
    def __init__(self, source):
        self.source = source
        self.names = []

    def pick(self, options):
        return self.source.choice(options)

    def chance(self, percent):
        return self.source.randrange(100) < percent

    def kind(self):
        return self.pick(["number", "number", "string", "string", "string", "list", "list", "rows", "dict", "dict", "any"])

    def atom(self, kind):
        if self.chance(4):
            kind = self.kind()
        if self.names and self.chance(15):
            return self.pick(self.names)
        atoms = {"number": NUMBERS, "string": STRINGS, "list": LISTS, "rows": ["rows", "messages", "messages[1:]", "rows[::-1]", "[rows[0], q]"], "dict": DICTS, "any": OTHER}
        return self.pick(atoms[kind])

    def operation(self, kind, part):
        if self.chance(4):
            return f"{part(self.kind())} {self.pick(BINARY)} {part(self.kind())}"
        if kind == "number":
            if self.chance(8):
                return f"{part(kind)} ** {self.pick(['2', 'z', '-1', '0.5', 'yes', '3'])}"
            return f"{part(kind)} {self.pick(['+', '-', '*', '/', '//', '%', '+', '-', '<', '>=', '=='])} {part(kind)}"
        if kind == "string":
            if self.chance(15):
                return f"{part(kind)} * {self.pick(['2', 'z', 'm', 'yes'])}"
            return f"{part(kind)} {self.pick(['+', '~', '+', '~', 'in', 'not in', '==', '<', '>='])} {part(kind)}"
        if kind in ("list", "rows"):
            return self.pick([f"{part(kind)} + {part(kind)}", f"{part('any')} in {part(kind)}", f"{part(kind)} == {part(kind)}", f"{part(kind)} ~ {part('number')}", f"{part(kind)} * 2"])
        if kind == "dict":
            return self.pick([f"{part('string')} in {part(kind)}", f"{part(kind)} == {part(kind)}", f"{part(kind)} ~ {part(kind)}", f"{part('string')} not in {part(kind)}"])
        return f"{part(self.kind())} {self.pick(['~', 'and', 'or', '==', '!=', 'or'])} {part(self.kind())}"

    def index(self, kind):
        if kind == "dict":
            return self.pick(["'a'", "'role'", "'b'", "'zz'", "'items'", "1", "nil"])
        return self.pick(["0", "-1", "1", "n", "9", "1:", ":-1", "::-1", "-2:", "1:3", "::2", ":z", "m:n", "1.5", "nil", "'a'", "::m", "5::-2"] + ["::0"] * self.chance(10))

    def expression(self, depth=2, kind=None):
        kind = kind or self.kind()
        if depth == 0 or self.chance(10):
            return self.atom(kind)
        part = lambda inner=None: self.expression(depth - 1, inner)
        choice = self.source.randrange(22)
        if choice < 5:
            return self.operation(kind, part)
        if choice < 10:
            return f"{part(kind)}|{self.pick(FILTERS[kind if self.chance(95) else self.kind()])}"
        if choice < 13:
            return f"({part(kind)}).{self.pick(METHODS[kind if self.chance(95) else self.kind()])}"
        if choice < 15:
            return f"{part(kind)} is {self.pick(TESTS)}"
        if choice < 16:
            return f"({part(kind)} if {part()}" + (f" else {part(kind)})" if self.chance(75) else ")")
        if choice < 17:
            return f"({part(kind)})[{self.index(kind)}]"
        if choice < 18:
            return self.pick([f"[{part()}, {part()}]", f"({part()}, {part()})", "{" + f"{self.pick(STRINGS)}: {part()}, 'k': {part()}" + "}"])
        if choice < 19:
            return f"not {part(kind)}" if self.chance(60) else f"-{part('number')}"
        if choice < 20:
            inner = self.pick(["number", "number", "string"])
            return f"{part(inner)} {self.pick(BINARY[8:14])} {part(inner)} {self.pick(BINARY[8:14])} {part(inner)}"
        template = self.pick(FORMATS)
        return template.format(*[self.expression(1, "string" if "%s" in template or "<5" in template else self.pick(["number", "number", "dict"])) for _ in range(4)])

    def tag(self, text):
        left = self.pick(["", "", "-", "+"])
        right = self.pick(["", "", "-", "+"])
        return "{%" + left + " " + text + " " + right + "%}"

    def gap(self):
        return self.pick(["", "", "\n", " ", "  \n  ", "text", " x\n", "\r\n", "\t"])

    def output(self):
        left = self.pick(["", "", "-"])
        right = self.pick(["", "", "-"])
        return "{{" + left + " " + self.expression(self.source.randrange(4)) + " " + right + "}}"

    def name(self):
        name = self.pick(["a1", "b1", "n", "s", "x", "loop1"])
        self.names.append(name)
        return name

    def statement(self, depth):
        kind = self.source.randrange(18)
        body = lambda: self.block(depth - 1)
        if depth == 0 or kind < 5:
            return self.output()
        if kind < 7:
            # The value comes before the name, which it must not know yet.
            value = self.expression()
            return self.tag(f"set {self.name()} = {value}")
        if kind < 8:
            return self.tag(f"set ns.{self.pick('ab')} = {self.expression()}")
        if kind < 11:
            test = self.expression()
            text = self.tag(f"if {test}") + body()
            if self.chance(30):
                text += self.tag(f"elif {self.expression()}") + body()
            if self.chance(50):
                text += self.tag("else") + body()
            return text + self.tag("endif")
        if kind < 14:
            iterable = self.pick(LISTS) if self.chance(70) else self.expression(1, "list")
            known = list(self.names)
            target = self.pick([self.name(), self.name(), "k, v"])
            if target == "k, v":
                iterable = self.pick(["d.items()", "rows|map('list')", "d|dictsort", "[[1, 2], (3, 4)]", iterable])
                self.names += ["k", "v"]
            condition = f" if {self.expression(1)}" if self.chance(25) else ""
            inner = body()
            if self.chance(40):
                inner = self.pick(["{{ loop.index }}/{{ loop.length }} ", "{{ loop.first }}{{ loop.last }}", "{{ loop.revindex0 }}", "{{ loop.previtem }}|{{ loop.nextitem }}", "{{ loop.cycle('a', 'b') }}",
                                   "{% if loop.changed(k) %}c{% endif %}", "{{ loop.depth }}"]) + inner
            if self.chance(15):
                inner += "{% if loop.index > 1 %}" + self.pick(["{% break %}", "{% continue %}"]) + "{% endif %}" + self.gap()
            other = self.tag("else") + body() if self.chance(20) else ""
            self.names = known
            return self.tag(f"for {target} in {iterable}{condition}") + inner + other + self.tag("endfor")
        if kind < 15:
            name = self.pick(["mac", "mic"])
            known = list(self.names)
            self.names += ["p1", "p2"]
            text = self.tag(f"macro {name}(p1, p2={self.expression(1)})") + body() + self.pick(["", "{{ varargs }}{{ kwargs }}", "{{ caller() }}"]) + self.tag("endmacro")
            self.names = known
            call = f"{name}({self.expression(1)}" + self.pick([")", f", {self.expression(1)})", ", p2=1)", ", 1, 2)", ", z=3)", "|upper)", ", *l)", ", **q)"])
            if self.chance(30):
                return text + self.tag("call " + call) + body() + self.tag("endcall")
            return text + "{{ " + call + " }}"
        if kind < 16:
            return self.tag(f"set {self.name()}" + self.pick(["", " | upper", "|trim"])) + body() + self.tag("endset")
        if kind < 17:
            name = self.pick(["upper", "trim", "indent(2)", "replace('a', 'b')|title"])
            return self.tag(f"filter {name}") + body() + self.tag("endfilter")
        return self.pick([
            "{# note #}\n", "{#- note -#}  ", "{% raw %}{{ x }}{% endraw %}", "{%- raw -%} {% x {%- endraw +%}\n", self.tag(f"with x = {self.expression(1)}, y = 2") + body() + self.tag("endwith"),
            self.tag("generation") + body() + self.tag("endgeneration"), self.tag(f"print {self.expression(1)}, 1"), self.tag("block b1") + "{{ n }}{{ x }}" + self.tag("endblock"),
        ])

    def block(self, depth):
        return "".join(self.gap() + self.statement(depth) for _ in range(self.source.randrange(1, 4))) + self.gap()

    def template(self):
        self.names = []
        begin = "{% set ns = namespace(a=1, b='x') %}" if self.chance(80) else ""
        if self.chance(40):
            return begin + "{{ " + self.expression(3) + " }}"
        return begin + self.block(self.source.randrange(1, 4))
