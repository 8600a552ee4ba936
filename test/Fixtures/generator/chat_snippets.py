"""Short templates, one for each construct of the language of chat templates, those that fail included.

They are rendered with the variables of chat_random.
"""

EXPRESSIONS = """
1 + 2 * 3 - 4 / 8 ¦ -7 // 2 ¦ 7 // -2 ¦ -7 % 3 ¦ 7 % -3 ¦ 7.5 // 2 ¦ -7.5 % 2 ¦ 2 ** 10 ¦ 2 ** -1 ¦ 2 ** 0.5 ¦ -2 ** 2 ¦ 2 ** 3 ** 2 ¦ 10 / 2 ¦ 1e3 ¦
1.5e-7 ¦ 1e16 ¦ 1e15 ¦ 0.1 + 0.2 ¦ 1_000 ¦ 0x1F ¦ 0o17 ¦ 0b101 ¦ 3 - -2 ¦ +n ¦ 1 / 0 ¦ 1 // 0 ¦ 1 % 0 ¦ 1.0 % 0 ¦ 0 ** -1 ¦ n + 's' ¦ s + n ¦ l + 'x' ¦
nil + 1 ¦ undef + 1 ¦ 1 + undef ¦ s - s ¦ s * 2 ¦ 2 * s ¦ l * 2 ¦ s * -1 ¦ [1] + [2] ¦ (1,) + (2,) ¦ [1] + (2,) ¦ yes + yes ¦ yes * 3 ¦ no + 1.5 ¦
s ~ n ~ nil ~ l ¦ 1 ~ 2 ¦ 'a' 'b' "c" ¦ "\\x41\\u00e9\\U0001F600\\101\\n\\t\\q\\'" ¦ 'é\\é' ¦ "ab" ¦ 1 < 2 < 3 ¦ 1 < 3 < 2 ¦ 3 > 2 >= 2 ¦ 1 == 1.0 == yes ¦
'a' < 'b' ¦ 'a' < 1 ¦ [1, 2] < [1, 3] ¦ (1, 2) == [1, 2] ¦ {'a': 1} == d ¦ l == [3, 1, 2] ¦ 'z' > 'Z' ¦ nil == none ¦ undef == undef2 ¦ undef == none ¦
nil < 1 ¦ 1 != 2 ¦ 'x' in 'xyz' ¦ 'x' not in 'xyz' ¦ 1 in l ¦ 'a' in d ¦ 'zz' not in d ¦ 1 in 'x' ¦ 1 in 5 ¦ nil in l ¦ '' in '' ¦ none in mix ¦
undef in l ¦ 'x' in undef ¦ 2.0 in mix ¦ (1 in l) in [true] ¦ yes and n ¦ no and n ¦ z or 'x' ¦ nil or q or 'end' ¦ not yes ¦ not not n ¦ not n == 7 ¦
n and s and l|e or undef or 3 ¦ no or no ¦ n if yes ¦ n if no ¦ n if no else s ¦ (n if z else m) if yes else 3 ¦ n if yes else undef.x ¦
'a' if undef else 'b' ¦ (1 if no) is defined ¦ l[0] ¦ l[-1] ¦ l[9] ¦ l[9] is defined ¦ l[1:] ¦ l[:-1] ¦ l[::-1] ¦ l[::2] ¦ l[5:1:-2] ¦ l['x'] ¦ l[1.0] ¦
l[yes] ¦ l[nil] ¦ l[::0] ¦ l['a':] ¦ s[0] ¦ s[-1] ¦ s[1:4] ¦ s[::-1] ¦ t[-3:] ¦ t[::-2] ¦ s[99] ¦ s[99:] ¦ s['upper']() ¦ nil[0] ¦ nil.x ¦ undef[0] ¦
undef.x ¦ undef.x.y ¦ n.x ¦ n.x.y ¦ d.b ¦ d['b'] ¦ d.items ¦ d['items'] ¦ d.zz ¦ d.zz.y ¦ d['a'][1].z ¦ d[1] ¦ d[[1]] ¦ d.get('b') ¦ d.get('q', 5) ¦
d.get ¦ messages[1].role ¦ messages[0]['content'] ¦ messages[-1].content[0].text ¦ rows[0].k ¦ d.__class__ ¦ s.__class__.__mro__ ¦ (1, 2)[0] ¦ (1,) ¦ () ¦
[] ¦ {} ¦ [1, [2, (3, {'a': none})]] ¦ {'a': 1, 'b': [true]} ¦ {1: 2, none: 3} ¦ {1: 'a', 1.0: 'b', true: 'c'} ¦ {[1]: 2} ¦ {'a': undef} ¦ [undef] ¦
range(3) ¦ range(2, 9, 3) ¦ range(3)|list ¦ range(5)[1:3] ¦ range(3)|sum ¦ range(0) ¦ range(5, 0, -2)|list ¦ range(100001) ¦ range(1, 2, 0) ¦ range('a') ¦
range(1.5) ¦ (range(10))[-1] ¦ 5 in range(10) ¦ range(10)|length ¦ dict(a=1, b=2) ¦ dict([('x', 1)]) ¦ dict({'a': 1}, b=3) ¦ dict(1) ¦
dict.fromkeys([1, 2]) ¦ namespace(a=1) ¦ namespace(a=1).a ¦ namespace().x ¦ namespace({'k': 2}).k ¦ namespace(_x=1) ¦ cycler(1, 2).next() ¦ cycler() ¦
joiner() ¦ joiner('|')() ¦ lipsum ¦ cycler(1).current ¦ raise_exception('no') ¦ raise_exception() ¦ raise_exception(n) ¦ strftime_now('%Y-%m-%d') ¦
strftime_now('%d %b %Y %H:%M:%S') ¦ strftime_now('%A, %B %d, %Y') ¦ strftime_now('%y%j %p %I %-d %%') ¦ strftime_now('%f|%z|%Z|') ¦ strftime_now('') ¦
strftime_now() ¦ strftime_now(1) ¦ strftime_now('é %Y') ¦ 1.0 ¦ -0.0 ¦ 1e100 ¦ 1e-5 ¦ 0.0001 ¦ 123456789.125 ¦ 1e22 ¦ 5e-324 ¦ 1.7976931348623157e308 ¦
100000000000000000.0 ¦ 2.5e-10 ¦ f / 3 ¦ 1 / 3 ¦ 2 / 3 * 1e10 ¦ yes ¦ none ¦ -n ¦ -f ¦ -'a' ¦ -nil ¦ +yes ¦ 9223372036854775807 ¦ "it's" ¦ ['it\\'s'] ¦
['"'] ¦ ['\\n\\t\\\\'] ¦ ['é\\u200b\\x7f'] ¦ [1.0, 1e20] ¦ [true, none] ¦ {'k': 'v'} ¦ ('a',) ¦ d.keys() ¦ d.values() ¦ d.items() ¦ q.keys() ¦ [d.items()]
"""

FILTERS = """
s|upper ¦ s|lower ¦ t|title ¦ s|capitalize ¦ t|trim ¦ s|trim('Hd') ¦ n|upper ¦ nil|upper ¦ undef|upper ¦ 'ßŉǆ'|upper ¦ 'ÀÉ ΑΣ'|lower ¦
'o\\'neil mc-donald (x'|title ¦ 'ǆ'|title ¦ 'ﬁx'|capitalize ¦ 'İ'|lower ¦ l|length ¦ s|length ¦ d|length ¦ nil|length ¦ n|length ¦ undef|length ¦
(l|map('string'))|length ¦ l|count ¦ l|first ¦ l|last ¦ []|first ¦ []|last ¦ s|first ¦ s|last ¦ d|first ¦ nil|first ¦ undef|first ¦ undef|last ¦
(l|select)|last ¦ []|first|default('none') ¦ l|join ¦ l|join(', ') ¦ w|join(d='-') ¦ rows|join(',', attribute='k') ¦ s|join('.') ¦ nil|join ¦
mix|join('|') ¦ messages|map(attribute='role')|join(' ') ¦ []|join('x') ¦ l|join(1) ¦ d|join ¦ l|sort ¦ w|sort ¦ w|sort(case_sensitive=true) ¦
l|sort(reverse=true) ¦ mix|sort ¦ rows|sort(attribute='v') ¦ rows|sort(attribute='k,v') ¦ d|sort ¦ s|sort|join ¦ [[2, 1], [1, 9]]|sort(attribute=0) ¦
nil|sort ¦ [none, none]|sort ¦ l|reverse|list ¦ s|reverse ¦ d|reverse|list ¦ (1, 2)|reverse|list ¦ nil|reverse ¦ (l|select)|reverse ¦
range(3)|reverse|list ¦ undef|reverse|list ¦ ['b', 'B', 'a', 'b']|unique|list ¦ ['b', 'B']|unique(true)|list ¦ rows|unique(attribute='k')|list ¦
[1, 1.0, true, '1']|unique|list ¦ [[1], [1]]|unique|list ¦ l|min ¦ l|max ¦ w|min ¦ w|max(case_sensitive=true) ¦ []|min ¦ rows|max(attribute='v') ¦
mix|max ¦ [1, 'a']|min ¦ [2, 2.0]|max ¦ nil|min ¦ l|sum ¦ rows|sum(attribute='v') ¦ l|sum(start=10) ¦ []|sum ¦ [0.1, 0.2, 0.3]|sum ¦ ['a']|sum ¦
[[1], [2]]|sum(start=[]) ¦ ['a', 'b']|sum(start='') ¦ rows|sum('v', 1) ¦ rows|groupby('k')|list ¦ rows|groupby('k', case_sensitive=true) ¦
rows|groupby('zz') ¦ rows|groupby('zz', default='q')|list ¦ (rows|groupby('k'))[0].grouper ¦ (rows|groupby('k'))[0].list|length ¦
rows|groupby('k')|map(attribute='grouper')|list ¦ messages|groupby('role')|map('first')|list ¦ l|batch(2)|list ¦ l|batch(2, 0)|list ¦ l|slice(2)|list ¦
l|slice(5, 'f')|list ¦ l|batch(2)|length ¦ []|batch(3)|list ¦ l|slice(0)|list ¦ s|batch(4)|map('join')|list ¦ d|dictsort ¦ d|dictsort(true) ¦
d|dictsort(false, 'value') ¦ d|dictsort(reverse=true) ¦ {'b': 1, 'A': 2}|dictsort ¦ {'b': 1, 'A': 2}|dictsort(true) ¦ l|dictsort ¦ d|dictsort(by='x') ¦
undef|dictsort ¦ rows[0]|dictsort(by='key') ¦ d|items|list ¦ undef|items|list ¦ l|items|list ¦ q|items|list ¦ nil|items ¦ l|map('string')|list ¦
w|map('upper')|join ¦ rows|map(attribute='k')|list ¦ rows|map(attribute='zz')|list ¦ rows|map(attribute='zz', default=0)|list ¦ l|map|list ¦
l|map('nope')|list ¦ l|map(undef)|list ¦ []|map('nope')|list ¦ w|map('replace', 'a', 'z')|list ¦ mix|map('default', 'D')|list ¦
messages|map(attribute='content.0.text')|list ¦ l|map(attribute='x', foo=1)|list ¦ [[1, 2], [3]]|map('sum')|list ¦ nil|map('upper')|list ¦
l|map('round', precision=1)|list ¦ mix|select|list ¦ mix|reject|list ¦ mix|select('string')|list ¦ mix|reject('none')|list ¦ l|select('gt', 1)|list ¦
l|select('nope')|list ¦ rows|selectattr('k')|list|length ¦ rows|selectattr('k', 'equalto', 'x')|list|length ¦
rows|rejectattr('v', 'lt', 2)|map(attribute='v')|list ¦ messages|selectattr('role', 'in', ['user', 'tool'])|list|length ¦ rows|selectattr()|list ¦
l|select('divisibleby', 3)|list ¦ messages|rejectattr('tool_calls', 'defined')|map(attribute='role')|list ¦ rows|selectattr('k', '==', 'Y')|first ¦
(l|select('odd'))|list ¦ undef|default('x') ¦ nil|default('x') ¦ nil|default('x', true)|e|d('y', boolean=true) ¦
undef|default ¦ undef|d(1, 2, 3) ¦ z|default(5, true) ¦ default_thing.x|default(1) ¦ no|default('t', false) ¦ '3.7'|int ¦ 'abc'|int ¦ 'abc'|int(9) ¦
' 12 '|int ¦ '1_0'|int ¦ '0x1A'|int(base=16) ¦ '0b11'|int(0, 0) ¦ 'z'|int(0, 36) ¦ 3.9|int ¦ -3.9|int ¦ nil|int ¦ nil|int(4) ¦ yes|int ¦ l|int ¦
'1e3'|int ¦ 'inf'|int ¦ undef|int ¦ '٣'|int ¦ '12'|int(0, 99) ¦ '1.5'|float ¦ 'x'|float ¦ 'x'|float(2.5) ¦
' -1e3 '|float ¦ 'inf'|float ¦ 'nan'|float ¦ n|float ¦ nil|float ¦ undef|float ¦ '0x1p3'|float ¦ '1_0.5'|float ¦ yes|float ¦ 'infinity'|float ¦ m|abs ¦
g|abs ¦ nil|abs ¦ '1'|abs ¦ no|abs ¦ 2.5|round ¦ 3.5|round ¦ -2.5|round ¦ 2.675|round(2) ¦ 1234.5|round(-2) ¦ n|round ¦ 15|round(-1) ¦ 25|round(-1) ¦
35|round(-1) ¦ 2.1|round(0, 'ceil') ¦ 2.19|round(1, 'floor') ¦ n|round(2, 'ceil') ¦ 'x'|round ¦ 2.5|round(method='up') ¦ nil|round ¦ 1e300|round(1) ¦
0.5|round ¦ 1.5|round ¦ 0.125|round(2) ¦ -7.55|round(1, 'ceil') ¦ nil|string ¦ n|string ¦ s|string ¦ undef|string ¦ l|string ¦ f|string ¦ [undef]|string ¦
s|replace('l', 'L') ¦ s|replace('l', 'L', 1) ¦ s|replace('', '-') ¦ n|replace(7, 8) ¦ s|replace('l') ¦ s|replace('o', nil) ¦ undef|replace('a', 'b') ¦
'aaa'|replace('a', 'b', count=2) ¦ s|replace('zz', 'y') ¦ 'a\\nb\\n\\nc'|indent ¦ 'a\\nb\\n\\nc'|indent(2, true) ¦ 'a\\nb\\n\\nc'|indent(blank=true) ¦
'a\\nb'|indent('>>') ¦ 'a\\n'|indent ¦ n|indent ¦ undef|indent ¦ 'a\\r\\nb\\u2028c'|indent(1) ¦ ''|indent(2, first=true) ¦ s|truncate(5) ¦ s|truncate(8) ¦
s|truncate(6, true) ¦ s|truncate(6, false, '~') ¦ s|truncate(6, leeway=0) ¦ s|truncate(2) ¦ 'one two three four'|truncate(9) ¦
'one two three four'|truncate(9, leeway=9) ¦ undef|truncate ¦ n|truncate ¦ 'äöü äöü äöü äöü'|truncate(6, end='') ¦ s|center(20) ¦ s|center(3) ¦
'ab'|center(5) ¦ n|center(4) ¦ s|wordcount ¦ t|wordcount ¦ 'a_b c-d é'|wordcount ¦ s|list ¦ s|format ¦ '%s!'|format(s) ¦ '%s %s'|format(1) ¦
'%(a)s'|format(a=1) ¦ '%d%%'|format(5) ¦ '%s'|format(l) ¦ '%s'|format(1, a=2) ¦ d|tojson ¦ l|tojson ¦ s|tojson ¦ 'é"\\\\\\n\\u0001/<>&\\''|tojson ¦ nil|tojson ¦
yes|tojson ¦ f|tojson ¦ undef|tojson ¦ [undef]|tojson ¦ (1, 2)|tojson ¦ {1: 2, none: 3, true: 4, 2.5: 5}|tojson ¦ {(1, 2): 3}|tojson ¦ d|tojson(indent=2) ¦
d|tojson(indent=0) ¦ d|tojson(indent='\\t') ¦ []|tojson(indent=2) ¦ {}|tojson(indent=2) ¦ [[], {}]|tojson(2) ¦ 'é😀'|tojson(true) ¦
d|tojson(separators=(',', ':')) ¦ {'b': 1, 'a': 2}|tojson(sort_keys=true) ¦ l|tojson(indent=2, separators=(';', '=')) ¦ range(2)|tojson ¦
namespace(a=1)|tojson ¦ 1e16|tojson ¦ 1e400|tojson ¦ (l|map('string'))|tojson ¦ d|tojson(bad=1) ¦ messages|tojson(ensure_ascii=False, indent=1) ¦
{1: 1, 'a': 2}|tojson(sort_keys=true) ¦ d.items()|list|tojson ¦ d.keys()|tojson ¦ '<a href="x">T & \\'q\\'</a>'|escape ¦ '<b>'|e ¦ '<b>'|safe ¦
'<b>'|forceescape ¦ ('<b>'|e) + '<i>' ¦ ('<b>'|safe) ~ '<i>' ¦ '<i>' + ('&'|safe) ¦ '<p>a <b>b</b>  c&amp;d</p><!-- x -->'|striptags ¦ nil|e ¦
('%s'|safe) % '<' ¦ ('<'|e)|upper ¦ ['<', '&'|safe]|join ¦ ('<b>'|e)|e ¦ ('<b>'|e)|string ¦ ('<b>'|e)|length ¦ n|escape ¦ [('<b>'|e)] ¦
'a b/c?é&=~'|urlencode ¦ {'a b': 'c/d', 'e': 1}|urlencode ¦ [('x', 'y z')]|urlencode ¦ n|urlencode ¦ {'class': 'a', 'id': none, 'x': '"'}|xmlattr ¦
{'a': 1}|xmlattr(false) ¦ {}|xmlattr ¦ {'a b': 1}|xmlattr ¦ l|xmlattr ¦ nil|xmlattr ¦ 1|filesizeformat ¦ 999|filesizeformat ¦ 1000|filesizeformat ¦
123456789|filesizeformat ¦ 1024|filesizeformat(true) ¦ 1536|filesizeformat(binary=true) ¦ '5000'|filesizeformat ¦ 1e30|filesizeformat ¦
nil|filesizeformat ¦ 0|filesizeformat ¦ -5|filesizeformat ¦ 2.9|filesizeformat ¦ s|attr('upper') ¦ d|attr('b') ¦ d|attr('get')|length ¦ s|attr('nope') ¦
s|attr('__class__') ¦ namespace(a=3)|attr('a') ¦ s|attr(1) ¦ d|attr('items')()|list ¦ l|attr('append') ¦ s ¦ nope ¦ s|upper ¦ nope ¦ s|upper(1) ¦
s|replace(a='l', b='L') ¦ l|sort(1, 2, 3, 4)
"""

METHODS = """
s.upper() ¦ s.lower() ¦ t.title() ¦ s.capitalize() ¦ s.swapcase() ¦ 'ẞß'.casefold() ¦ 'ΑΣ ΣΑΣ'.lower() ¦ 'ŉa ǳb ﬁ'.title() ¦ s.upper(1) ¦ s.upper(a=1) ¦
'İı'.lower() ¦ 'ǅ'.swapcase() ¦ 'they\\'re bill\\'s'.title() ¦ t.strip() ¦ t.lstrip() ¦ t.rstrip() ¦ 'xxaxx'.strip('x') ¦ 'abcba'.strip('ab') ¦
'éaé'.strip('é') ¦ t.strip(none) ¦ t.strip(1) ¦ '\\u00a0\\u3000x\\x1c'.strip() ¦ 'xyx'.rstrip('x') ¦ 'a\\n\\n'.rstrip('\\n') ¦ t.strip('', '') ¦ t.split() ¦
s.split(', ') ¦ 'a,b,,c'.split(',') ¦ 'a,b,c'.split(',', 1) ¦ 'a b  c'.split(' ') ¦ ' a b '.split(none, 1) ¦ 'a b c'.split(maxsplit=1) ¦ 'abc'.split('') ¦
'a,b'.split(sep=',') ¦ 'a,b,c'.rsplit(',', 1) ¦ ' a b c '.rsplit(none, 1) ¦ 'a\\nb\\r\\nc'.splitlines() ¦ 'a\\nb\\n'.splitlines(true) ¦ ''.split() ¦
''.split(',') ¦ 'abc'.split(1) ¦ '<t>a</t>b'.split('</t>')[-1] ¦ 'a-b-c'.rsplit('-') ¦ 'x'.split('x') ¦ s.startswith('Hell') ¦ s.endswith(('x', 'ld')) ¦
s.startswith('e', 1) ¦ s.endswith('o', 0, 5) ¦ s.startswith(1) ¦ s.startswith(['H']) ¦ s.startswith('') ¦ s.startswith('', 99) ¦ s.find('o') ¦
s.find('o', 5) ¦ s.find('zz') ¦ s.rfind('o') ¦ s.index('W') ¦ s.index('zz') ¦ s.count('l') ¦ s.count('') ¦ 'éaéa'.find('a', 2) ¦ 'éaéa'.rfind('é') ¦
s.find('') ¦ s.find('', 99) ¦ s.find('l', -4) ¦ s.find(1) ¦ 'aaaa'.count('aa') ¦ s.replace('l', 'L') ¦ s.replace('l', 'L', 1) ¦ s.replace('', '.') ¦
s.replace('l', 'L', -1) ¦ s.replace(1, 2) ¦ s.replace('l') ¦ s.replace('Hello', '') ¦ 'aa'.replace('a', 'aa') ¦ s.replace('l', 'L', count=1) ¦
', '.join(w) ¦ ''.join(['a', 1]) ¦ '-'.join('abc') ¦ ','.join(d) ¦ ','.join([]) ¦ 'x'.join(nil) ¦ s.join(undef) ¦ ','.join(l|map('string')) ¦
'{} {}'.format(1, 'a') ¦ '{0}{1}{0}'.format('x', 'y') ¦ '{a}'.format(a=3) ¦ '{:>5}|{:<5}|{:^5}'.format(1, 'b', 'c') ¦ '{:*^9}'.format('mid') ¦
'{:05.1f}'.format(3.14159) ¦ '{:,}'.format(1234567) ¦ '{:x} {:#o} {:b}'.format(255, 8, 5) ¦ '{:.3}'.format('abcdef') ¦ '{!r}'.format('a') ¦
'{0[0]} {1[k]} {2.role}'.format(l, rows[0], messages[0]) ¦ '{{}}'.format() ¦ '{'.format() ¦ '}'.format() ¦ '{} {0}'.format(1) ¦ '{}'.format() ¦
'{x}'.format() ¦ '{:{}}'.format('a', 4) ¦ '{:e}'.format(12345.678) ¦ '{:g}'.format(1e10) ¦ '{:%}'.format(0.25) ¦ '{:d}'.format('a') ¦
'{:+d} {: d}'.format(3, 4) ¦ '{:s}'.format(3) ¦ '{:>5}'.format(nil) ¦ '{}'.format(nil) ¦ '{:=+6d}'.format(5) ¦ '{:_}'.format(12345) ¦ '{:c}'.format(65) ¦
'{0.upper}'.format('a') ¦ '{a[b][c]}'.format(a={'b': {'c': 5}}) ¦ '{:n}'.format(5) ¦ '{:.2f}'.format(2) ¦ '{:,.2f}'.format(12345.678) ¦
'{:08,}'.format(1234) ¦ '{a}{b}'.format_map({'a': 1, 'b': 2}) ¦ '{!s:>4}'.format(7) ¦ '{!x}'.format(1) ¦ '{:}'.format(yes) ¦ '{:5}'.format(yes) ¦
'{:.0f} {:.0f}'.format(0.5, 1.5) ¦ '{:010.3e}'.format(f) ¦ '{:é>4}'.format(1) ¦ '%s %r' % ('a', 'b') ¦ '%d' % 3.7 ¦ '%5d|%-5d|%05d' % (1, 2, 3) ¦
'%x %X %o %#x' % (255, 255, 8, 255) ¦ '%e %f %g' % (1.5, 1.5, 1.5) ¦ '%.2f' % 2.675 ¦ '%+d % d' % (1, 2) ¦ '%c%c' % ('a', 66) ¦ '%%' % () ¦ '%s' % l ¦
'%s' % (l,) ¦ '%s %s' % l ¦ '%(a)s %(b)d' % {'a': 1, 'b': 2} ¦ '%(zz)s' % d ¦ '%s' % undef ¦ '%d' % undef ¦ '%d' % 'a' ¦ '%s' % () ¦ 'x' % 1 ¦ 'x' % [] ¦
'x' % undef ¦ '%z' % 1 ¦ '%' % 1 ¦ '%.3s|' % 'abcdef' ¦ '%*d' % (5, 1) ¦ '%-*s|' % (4, 'a') ¦ '%i %u' % (1, 2) ¦ '%a' % 'é' ¦ '%5.1f|%-8.3e|' % (f, g) ¦
'%s' % nil ¦ '%s %s' % (1,) ¦ '%d' % yes ¦ '%g' % 1e20 ¦ '%g' % 0.0001 ¦ '%G' % 1e-10 ¦ '%.0e' % 12345 ¦ '%#.3g' % 1 ¦ '%5s|' % 'é' ¦ s.isdigit() ¦
'12'.isdigit() ¦ '²'.isdigit() ¦ '½'.isnumeric() ¦ '٣'.isdecimal() ¦ 'aé'.isalpha() ¦ 'a1'.isalnum() ¦ ' \\t'.isspace() ¦ ''.isspace() ¦ 'AB'.isupper() ¦
'aB'.islower() ¦ '1a'.islower() ¦ 'Ab Cd'.istitle() ¦ 'AB'.istitle() ¦ 'a b'.isidentifier() ¦ '_x1'.isidentifier() ¦ 'é'.isascii() ¦ 'a\\n'.isprintable() ¦
'ab'.zfill(5) ¦ '-3'.zfill(5) ¦ 'ab'.center(7, '*') ¦ 'ab'.ljust(5, '.') ¦ 'ab'.rjust(5) ¦ 'ab'.center(5, 'xx') ¦ 'a-b-c'.partition('-') ¦
'a-b-c'.rpartition('-') ¦ 'abc'.partition('-') ¦ 'abc'.rpartition('-') ¦ 'abc'.partition('') ¦ 'abc'.removeprefix('a') ¦ 'abc'.removesuffix('c') ¦
'a\\tb'.expandtabs() ¦ 'a\\tb\\n\\tc'.expandtabs(4) ¦ 'ab'.center(-1) ¦ 'é'.center(4, 'ü') ¦ d.items()|list ¦ d.keys()|list ¦ d.values()|list ¦ d.get('a') ¦
d.get() ¦ d.get('a', 1, 2) ¦ d.get([1]) ¦ d.pop('a') ¦ d.update({'x': 1}) ¦ d.clear ¦ d.copy() ¦ d.setdefault('x', 1) ¦ d.popitem() ¦ d.fromkeys('ab') ¦
d.nope() ¦ q.items()|length ¦ d.items()|first ¦ (d.items()|list)[0][1] ¦ d.keys()|length ¦ 'b' in d.keys() ¦ d.keys()|sort ¦ d.items()[0] ¦
{'items': 1}.items ¦ {'keys': 1}.keys()|list ¦ {'get': 5}['get'] ¦ l.index(1) ¦ l.index(99) ¦ l.count(1) ¦ l.append(1) ¦ l.pop() ¦ l.sort() ¦
l.insert(0, 1) ¦ l.copy() ¦ l.extend([1]) ¦ l.remove(1) ¦ l.reverse() ¦ (1, 2, 1).count(1) ¦ (1, 2).index(2) ¦ l.nope ¦ l.clear() ¦ l.index(1, 2) ¦
(1, 2).append ¦ l['append'] ¦ l|attr('pop') ¦ f.is_integer() ¦ (2.0).is_integer() ¦ n.bit_length() ¦ n.real ¦ f.imag ¦ n.numerator ¦ nil.x() ¦ undef() ¦
undef.x() ¦ n() ¦ s() ¦ l()|d() ¦ (n).nope() ¦ dict() ¦ yes.real ¦ n.denominator
"""

TESTS = """
n is defined ¦ undef is defined ¦ undef is not defined ¦ undef is undefined ¦ nil is none ¦ nil is not none ¦ s is string ¦ n is number ¦ yes is number ¦
yes is integer ¦ n is integer ¦ f is float ¦ n is float ¦ yes is boolean ¦ n is boolean ¦ yes is true ¦ no is false ¦ 1 is true ¦ d is mapping ¦
l is mapping ¦ l is sequence ¦ s is sequence ¦ d is sequence ¦ nil is sequence ¦ undef is sequence ¦ range(2) is sequence ¦ d.keys() is sequence ¦
(l|map('string')) is sequence ¦ l is iterable ¦ nil is iterable ¦ undef is iterable ¦ n is iterable ¦ d.items() is iterable ¦ s.upper is callable ¦
s is callable ¦ range is callable ¦ undef is callable ¦ n is odd ¦ n is even ¦ f is odd ¦ s is odd ¦ nil is even ¦ n is divisibleby 7 ¦
n is divisibleby(2) ¦ n is divisibleby(0) ¦ n is divisibleby ¦ n is in l ¦ 1 is in l ¦ 'a' is in 'abc' ¦ 1 is in 5 ¦ 1 is not in l ¦ n is eq 7 ¦
n is equalto(7) ¦ n is == 7 ¦ n is ne 7 ¦ n is gt 3 ¦ n is ge 7 ¦ n is lt 3 ¦ n is le(7) ¦ n is greaterthan 3 ¦ n is lessthan 3 ¦ s is gt 3 ¦
n is sameas 7 ¦ nil is sameas none ¦ yes is sameas true ¦ 1 is sameas true ¦ l is sameas l ¦ s is sameas s ¦ l is sameas [3, 1, 2] ¦ s is upper ¦
'AB' is upper ¦ 'ab1' is lower ¦ n is upper ¦ ''|upper is lower ¦ s is escaped ¦ (s|e) is escaped ¦ 'upper' is filter ¦ 'nope' is filter ¦ 'odd' is test ¦
n is filter ¦ l is filter ¦ n is nope ¦ n is not nope ¦ n is defined and s is string ¦ n is defined is true ¦ not n is odd ¦ n is odd or no ¦
'a' if n is odd else 'b' ¦ n is divisibleby 7 and yes ¦ [n is odd, m is even] ¦ n is in(l) ¦ n is string or n is number and n > 5 ¦ undef is none ¦
undef is string ¦ undef is odd ¦ undef is in l
"""

STATEMENTS = """
{% for x in l %}{{ loop.index }}:{{ x }}{% if not loop.last %},{% endif %}{% endfor %}
===
{% for x in l %}{{ [loop.index0, loop.revindex, loop.revindex0, loop.first, loop.last, loop.length, loop.depth, loop.depth0] }}{% endfor %}
===
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{{ loop.previtem is defined }}{% endfor %}
===
{% for x in 'aabbc' %}{% if loop.changed(x) %}{{ x }}{% endif %}{{ loop.cycle('-', '+') }}{% endfor %}
===
{% for x in l %}{{ loop }}{% endfor %}{{ loop }}
===
{% for x in [] %}{{ x }}{% else %}empty{% endfor %}{% for x in undef %}{% else %}none{% endfor %}
===
{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}={{ x }} {% else %}no{% endfor %}{% for x in l if x > 9 %}{% else %}no{% endfor %}
===
{% for x in l if loop.index > 1 %}{{ x }}{% endfor %}
===
{% for x in nil %}{% endfor %}
===
{% for x in 5 %}{% endfor %}
===
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for r in rows %}{{ r.k ~ r['v'] }}{% endfor %}
===
{% for a, b in [[1, 2], (3, 4), 'xy'] %}{{ a }}-{{ b }} {% endfor %}
===
{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}
===
{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}
===
{% for a, b in l %}{% endfor %}
===
{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}
===
{% for x in l %}{% break %}{% else %}else runs{% endfor %}{% for x in l %}{% continue %}{% else %}else runs too{% endfor %}
===
{% break %}
===
{% macro m() %}{% break %}{% endmacro %}
===
{% for x in l %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}
===
{% for x in l %}{% set y %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% endset %}{{ y }}{% endfor %}
===
{% for x in l %}{% for y in w %}{{ loop.index }}{{ x }}{{ y }}{% if loop.last %}|{% endif %}{% endfor %}{{ loop.index }}{% endfor %}
===
{% for x in l %}{% set outer = loop %}{% for y in w[:2] %}{{ outer.index }}.{{ loop.index }} {% endfor %}{% endfor %}
===
{% for x in [1, [2, [3]], 4] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}
===
{% for x in [[1], [2]] %}{{ loop(x) }}{% endfor %}
===
{% for x in [{'n': 1, 'c': [{'n': 2}]}, {'n': 3}] recursive %}{{ x.n }}{% if x.c %}<{{ loop(x.c) }}>{% endif %}{% else %}-{% endfor %}
===
{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}
===
{% set x = 1 %}{% if yes %}{% set x = 2 %}{% endif %}{{ x }}
===
{% if no %}{% set x = 2 %}{% endif %}{{ x }}|{{ x is defined }}
===
{% if no %}{% set n = 2 %}{% endif %}{{ n }}{% if yes %}{% set n = 3 %}{% endif %}{{ n }}
===
{{ n }}{% set n = 9 %}{{ n }}{% for i in [1] %}{{ n }}{% set n = 10 %}{{ n }}{% endfor %}{{ n }}
===
{% for i in l %}{{ y }}{% set y = i %}{{ y }}{% endfor %}
===
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}{% set (c, d2) = [3, 4] %}{{ c }}{{ d2 }}
===
{% set a, b = 1 %}
===
{% set a, b = 1, 2, 3 %}
===
{% set 1 = 2 %}
===
{% set none = 2 %}
===
{% set x.y = 2 %}
===
{% set n.y = 2 %}
===
{% set ns = namespace(a=1) %}{% set ns.b = 2 %}{{ ns.a + ns.b }}{{ ns }}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns['a'] }}{{ ns.zz is defined }}
===
{% set ns = namespace() %}{% set ns._x = 1 %}
===
{% set ns = namespace(a=0) %}{% set ns.a, x = 5, 6 %}{{ ns.a }}{{ x }}
===
{% set ns = namespace(l=[]) %}{% for x in l %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l }}
===
{% set x %}  a {{ n }} {% endset %}[{{ x }}]{{ x|length }}
===
{% set x | trim | upper %}  a {{ s }} {% endset %}[{{ x }}]
===
{% set x | replace('a', 'b') %}aa{% endset %}{{ x }}
===
{% set ns = namespace() %}{% set ns.x %}block{% endset %}{{ ns.x }}
===
{% set x = 1, 2 %}{{ x }}{% set y = 1, %}{{ y }}
===
{% macro f(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(a=1, c=5) }}{{ f() }}{{ f(1, 2, 3) }}
===
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
===
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}
===
{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, z=4) }}{{ f(*l) }}{{ f(**{'a': 1, 'q': 2}) }}{{ f(a=1) }}
===
{% macro f(a, a) %}{% endmacro %}
===
{% macro f(a=1, b) %}{% endmacro %}
===
{% macro f(x) %}{{ x }}{{ n }}{{ later }}{% endmacro %}{% set later = 5 %}{{ f(1) }}{{ f }}
===
{% macro f(x) %}{% set n = x %}{{ n }}{% endmacro %}{{ f(1) }}{{ n }}
===
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}
===
{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{% macro g(a=b, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ g() }}
===
{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}in {{ n }}{% endcall %}{{ f() }}
===
{% macro f(x) %}<{{ caller(x, 2) }}>{% endmacro %}{% call(a, b=3) f(1) %}{{ a }}{{ b }}{% endcall %}
===
{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}
===
{% macro f(caller) %}{{ caller() }}{% endmacro %}
===
{% macro f(caller=none) %}{{ caller() if caller else 'no' }}{% endmacro %}{{ f() }}{% call f() %}yes{% endcall %}
===
{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}
===
{% set ns = namespace() %}{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{% set ns.f = f %}{% endfor %}{{ ns.f() }}
===
{% macro f(x) -%} {{ x }} {%- endmacro %}{{ f(1) ~ f(2) }}{{ f('a')|upper }}{{ f(1) == '1' }}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}
===
{% call undef() %}{% endcall %}
===
{% call n %}{% endcall %}
===
{% call s.upper() %}x{% endcall %}
===
{% if n == 1 %}a{% elif n == 7 %}b{% elif n == 7 %}c{% else %}d{% endif %}{% if not n %}x{% else %}y{% endif %}
===
{% if undef %}a{% elif undef.x %}b{% endif %}
===
{% if 1, 2 %}tuple{% endif %}{% if () %}x{% else %}empty{% endif %}
===
{% filter upper %}abc {{ s }}{% endfilter %}{% filter replace('a', 'b')|title %}aaa{% endfilter %}
===
{% filter nope %}x{% endfilter %}
===
{% with a = 1, b = n %}{{ a }}{{ b }}{% set c = 3 %}{{ c }}{% endwith %}{{ a }}{{ c }}{% with %}{% set a = 5 %}{{ a }}{% endwith %}
===
{% with a = n, n = 2 %}{{ a }}{{ n }}{% endwith %}{{ n }}{% with (x, y) = (1, 2) %}{{ x + y }}{% endwith %}
===
{% generation %}a{{ n }}{% set n = 1 %}{{ n }}{% endgeneration %}{{ n }}{%- generation -%} b {%- endgeneration -%} c
===
{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}
===
{% for m in messages %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
===
{% raw %}{{ x }}{% if %}{# c #}{% endraw %}|{%- raw -%}  {{ y }}  {%- endraw -%}  |{% raw %}
 z
{% endraw %}
end
===
a {# comment #} b {#- strip -#} c
{# line #}
d{# x
y #}e{#+ keep #}
===
a
  {% if yes %}
  b
  {% endif %}
c
===
a
  {%+ if yes %}
  b
  {%- endif +%}
c
===
  {{ n }}  
  {{- n -}}  
  x
===
{%- for x in l -%}
  {{ x }}
{%- endfor -%}

end
===
{% for x in l %}
{{ x }}
{% endfor %}
===
	{% if yes %}	t
	{% endif %}	u
===
{{ 'a' }}{% if yes +%}
x{% endif -%}
   y{%+ if yes -%}   z{%- endif %}
===
{{ "{{ not a tag }}" }}{{ '}}' }}{{ {'a': {'b': 1}}['a']['b'] }}{{ '%}' }}{% set x = '%}' %}{{ x }}
===
{{ n }
===
{{ n
===
{% if n %}
===
{% for x in l %}
===
{% endif %}
===
{% nope %}
===
{% if n %}{% endfor %}
===
{{ }}
===
{% %}
===
{{ 1 2 }}
===
{{ n. }}
===
{{ n.1 }}{{ l.0 }}{{ l.1.2 }}
===
{{ l[ }}
===
{{ (1 }}
===
{{ 1) }}
===
{{ [1, }}
===
{{ {'a' 1} }}
===
{{ 'a }}
===
{{ "a\\x4" }}
===
{{ a b }}
===
{{ @ }}
===
{{ n ? 1 }}
===
{{ f(a=1, 2) }}
===
{{ f(a=1, a=2) }}
===
{{ f(*l, *w) }}
===
{{ n|(x) }}
===
{{ n is }}
===
{{ n|upper| }}
===
{{ not }}
===
{{ 007 }}
===
{{ 1__0 }}
===
{{ é }}{% set é = 1 %}{{ é }}
===
{# never ends
===
{% raw %} never ends
===
{% include 'x' %}
===
{% import 'x' as y %}
===
{% from 'x' import y, z as w with context %}
===
{% extends 'x' %}
===
{% if no %}{% include 'x' ignore missing %}{% endif %}ok
===
{% block a %}A{{ n }}{% set n = 1 %}{{ n }}{% endblock %}{{ n }}{% block b %}B{% endblock b %}{{ self.a() }}
===
{% set x = 1 %}{% block a %}{{ x }}{% endblock %}{% for i in l %}{% block b scoped %}{{ i }}{% endblock %}{% endfor %}{% for i in l %}{% block c %}{{ i }}{% endblock %}{% endfor %}
===
{% block a %}{% endblock %}{% block a %}{% endblock %}
===
{% block a %}{{ super() }}{% endblock %}
===
{% autoescape false %}{{ '<' }}{% set q2 = 1 %}{% endautoescape %}{{ q2 }}
===
{% print n, s %}{% print 1 %}
===
{% do l.append(1) %}
===
{% trans %}x{% endtrans %}
===
{% set loop = 1 %}{{ loop }}
===
{% for loop in l %}{% endfor %}
===
{% for x in l %}{% set loop = 1 %}{% endfor %}
===
{% if no %}{{ n|nope }}{{ n is nope }}{% endif %}{{ 'fine' if yes else n|nope }}
===
{% if yes %}{{ n|nope }}{% endif %}
===
{% if no %}{% for x in l %}{{ x|nope }}{% endfor %}{% endif %}
===
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}{% set j = joiner() %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}
===
{% set g = l|map('string') %}{{ g|list }}{{ g|list }}
===
{% set g = l|select('odd') %}{% for x in g %}{{ loop.index }}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}
===
{% for k, g in rows|groupby('k') %}{{ k }}:{% for r in g %}{{ r.v }}{% endfor %};{% endfor %}
===
{% for row in l|batch(2, 'x') %}{% for c in row %}{{ c }}{% endfor %}|{% endfor %}
===
{% set x = undef %}{{ x }}{{ x is defined }}{{ x|default('q') }}
===
{{ n }}{{ tools }}{{ documents }}{{ add_generation_prompt }}{{ tools is defined }}{{ nothing_here }}
===
{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] %}{% set messages = messages[1:] %}{% endif %}{{ messages|length }}{{ first }}
===
{%- set x = namespace(items=[1, 2]) -%}{{ x.items }}{{ x.items[0] }}
===
{{ messages[2].tool_calls[0].function.arguments.y }}{{ messages[2].content|length }}{{ 'content' in messages[2] }}
===
{{ "a\\
b" }}
===
line one
line two {{ n }}\r\nline three\rline four

===
{{ '' }}
===

===
{% if yes %}{% if no %}{% else %}{% if n %}deep{% endif %}{% endif %}{% endif %}
===
{% for x in range(3) %}{% for y in range(x) %}{{ x }}{{ y }}{{ loop.first }} {% endfor %}{% endfor %}
===
{% macro a() %}{% macro b() %}{{ n }}{% endmacro %}{{ b() }}{% endmacro %}{{ a() }}{{ b is defined }}
===
{% set d2 = dict(d, c=3) %}{{ d2 }}{{ d2|length }}{{ d2.c }}{% set d3 = {'x': d2} %}{{ d3.x.b }}
===
{{ range(10**9) }}
===
{{ 'x' * 10**12 }}
===
{% set loop1 = l %}{% for x in loop1 %}{{ x }}{{ loop1 }}{% endfor %}
"""


#: Templates by number.
SNIPPETS = ["{{ " + one.strip() + " }}" for lines in (EXPRESSIONS, FILTERS, METHODS, TESTS) for one in lines.strip().split("¦")]
SNIPPETS += STATEMENTS.strip("\n").split("\n===\n")
