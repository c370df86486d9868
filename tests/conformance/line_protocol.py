"""The JSON line protocol as a table: every row is (rule, [(line, reply), ...]), byte for byte.

Lines are given without their line end unless they end in b"\\n" themselves; a reply of None means that the line gets no
reply. Every row starts on an empty keyspace. The runner sends each row line by line, pipelined, and cut in two at every
byte boundary.
"""

OK = b'{"status": "OK"}'
ERROR = b'{"status": "ERROR"}'
NULL = b'{"status": "OK", "value": null}'


def value(text):
    """The reply that carries a JSON text as its value."""
    return b'{"status": "OK", "value": ' + text + b"}"


def base64(text):
    return b'{"status": "OK", "value_base64": "' + text + b'"}'


def error(text):
    return b'{"status": "ERROR", "message": "' + text + b'"}'


def arity(command):
    return error(b"Wrong number of arguments for '" + command + b"'")


def key_set(key):
    return b'{"status": "OK", "message": "Key \'' + key + b'\' set"}'


def not_found(key):
    return error(b"Key '" + key + b"' not found")


def message(text):
    return b'{"status": "OK", "message": "' + text + b'"}'


PONG = message(b"PONG")
UNKNOWN = error(b"Unknown command")
SYNTAX = error(b"syntax error")


def stored(line, json_text):
    """`line` sets the key k; GET k then answers that JSON text."""
    return [(line, key_set(b"k")), (b"GET k", value(json_text))]


NATIVE_COMMANDS = [
    ("SET answers with the key's name", [(b'SET username "john"', key_set(b"username"))]),
    ("GET answers the value", [(b'SET username "john"', key_set(b"username")), (b"GET username", value(b'"john"'))]),
    ("GET of a missing key is an error that names it", [(b"GET nonexistent", not_found(b"nonexistent"))]),
    ("DELETE says by its status whether the key was there",
     [(b"SET username john", key_set(b"username")), (b"DELETE username", OK), (b"DELETE username", ERROR)]),
    ("DELETE really deletes", [(b"SET k 1", key_set(b"k")), (b"DELETE k", OK), (b"GET k", not_found(b"k"))]),
    ("PING answers PONG", [(b"PING", PONG)]),
    ("an unknown word is an unknown command, whatever follows it",
     [(b"NOSUCH", UNKNOWN), (b"NOSUCH a b", UNKNOWN), (b"{\"cmd\": \"PING\"}", UNKNOWN)]),
    ("the command in an arity error is in capitals",
     [(b"GET", arity(b"GET")), (b"get", arity(b"GET")), (b"GET a b", arity(b"GET")), (b"SET", arity(b"SET")),
      (b"SET k", arity(b"SET")), (b"SET k ", arity(b"SET")), (b"SET k \t", arity(b"SET")),
      (b"DELETE", arity(b"DELETE")), (b"DELETE a b", arity(b"DELETE")), (b"FLUSH now", arity(b"FLUSH")),
      (b"SNAPSHOT now", arity(b"SNAPSHOT")), (b"incr", arity(b"INCR")), (b"PING a b", arity(b"PING"))]),
]

WORKED_EXAMPLES = [
    (line.decode(), stored(line, json_text))
    for line, json_text in [
        (b'SET k "hello world"', b'"hello world"'),
        (b"SET k hello world", b'"hello world"'),
        (b'SET k "42"', b"42"),
        (b'SET k \'{"name": "Alice", "age": 30}\'', b'{"name": "Alice", "age": 30}'),
        (b'SET k "{"name": "Laptop", "price": 999}"', b'{"name": "Laptop", "price": 999}'),
        (b'SET k "true"', b"true"),
        (b'SET k ""hello""', b'"hello"'),
        (b'SET k ""a\\"b""', b'"a\\"b"'),
        (b'SET k "a\\nb"', b'"a\\nb"'),
        (b'SET k ""', b'""'),
        (b'SET k "007"', b'"007"'),
        (b"SET k it's 5 o'clock", b'"it\'s 5 o\'clock"'),
    ]
]

REQUESTS = [
    ("the command word is case-insensitive",
     [(b"set k v", key_set(b"k")), (b"gEt k", value(b'"v"')), (b"ping", PONG), (b"delete k", OK)]),
    ("keys are case-sensitive", [(b"SET Key v", key_set(b"Key")), (b"GET key", not_found(b"key"))]),
    ("one CR before the line end is dropped",
     [(b"PING\r\n", PONG), (b"SET k v\r\n", key_set(b"k")), (b"GET k\r\n", value(b'"v"'))]),
    ("a second CR belongs to the line", [(b"SET k v\r\r\n", key_set(b"k")), (b"STRLEN k", value(b"2"))]),
    ("an empty line gets no reply", [(b"\n", None), (b"\r\n", None), (b"PING", PONG), (b"\n", None), (b"PING", PONG)]),
    ("a line of spaces is empty too", [(b"  \t \n", None), (b"PING", PONG)]),
    ("words are separated by runs of spaces or tabs",
     [(b"MSET  a \t 1\t\tb   2", OK), (b"MGET\ta  b", value(b"[1, 2]"))]),
    ("spaces before the command and after the last word do not matter",
     [(b"  \tPING", PONG), (b"PING  \t ", PONG), (b"  GET  k\t ", not_found(b"k"))]),
    ("spaces and tabs between SET, key and value are separators",
     [(b"SET \t k \t  v", key_set(b"k")), (b"GET k", value(b'"v"'))]),
    ("a word may be in double or single quotes",
     [(b'SET "my key" 1', key_set(b"my key")), (b"GET 'my key'", value(b"1")), (b'DELETE "my key"', OK)]),
    ("a double-quoted word that is a JSON string literal is decoded",
     [(b'SET "a\\u0020b" 1', key_set(b"a b")), (b'GET "a b"', value(b"1")),
      (b'ECHO "x\\ty\\u00e9"', value(b'"x\\ty\xc3\xa9"'))]),
    ("a double-quoted word that is no JSON string literal is the bytes between its quotes",
     [(b'SET "a\\qb" 1', key_set(b"a\\\\qb")), (b"GET 'a\\qb'", value(b"1"))]),
    ("a single-quoted word is the bytes between its quotes",
     [(b"ECHO 'a\\nb'", value(b'"a\\\\nb"')), (b"ECHO 'say \"hi\"'", value(b'"say \\"hi\\""'))]),
    ("a quoted word may be empty", [(b'SET "" 1', key_set(b"")), (b"GET ''", value(b"1")), (b'ECHO ""', value(b'""'))]),
    ("the command word may be quoted", [(b'"PING"', PONG), (b"'get' k", not_found(b"k"))]),
]

SET_VALUES = [
    ("an unquoted value may hold spaces, kept as they are", stored(b"SET k a  b \t c", b'"a  b \\t c"')),
    ("spaces and tabs after the value are dropped", stored(b"SET k v \t ", b'"v"')),
    ("spaces after the closing quote are dropped", stored(b'SET k "v" \t', b'"v"')),
    ("spaces inside quotes are kept", stored(b'SET k "  v "', b'"  v "')),
    ("a quoted value may be one space", stored(b"SET k ' '", b'" "')),
    ("a single-quoted value is kept to the byte", stored(b"SET k 'a\\nb'", b'"a\\\\nb"')),
    ("single quotes may hold single quotes", stored(b"SET k 'it's'", b'"it\'s"')),
    ("empty single quotes are an empty value", stored(b"SET k ''", b'""')),
    ("escapes of a JSON string literal are decoded",
     stored(b'SET k "\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041"', b'"\\"\\\\/\\b\\f\\n\\r\\tA"')),
    ("surrogate pairs are decoded", stored(b'SET k "\\ud83d\\ude00"', b'"\xf0\x9f\x98\x80"')),
    ("a NUL can be stored as an escape", stored(b'SET k "a\\u0000b"', b'"a\\u0000b"')),
    ("no JSON literal: one pair of quotes is removed, backslashes stay", stored(b'SET k "C:\\path"', b'"C:\\\\path"')),
    ("a raw tab makes it no JSON literal, so the escape stays", stored(b'SET k "a\tb\\n"', b'"a\\tb\\\\n"')),
    ("inner quotes are kept", stored(b'SET k "a"b"', b'"a\\"b"')),
    ("several quoted words are one value between the outer quotes", stored(b'SET k "a" b "c"', b'"a\\" b \\"c"')),
    ("different quotes at both ends are not a pair", stored(b"SET k \"a'", b'"\\"a\'"')),
    ("a quote at the start only belongs to the value", stored(b'SET k "a b', b'"\\"a b"')),
    ("a quote at the end only belongs to the value", stored(b'SET k 5"', b'"5\\""')),
    ("a single quote character is a value, not a pair", stored(b'SET k "', b'"\\""')),
    ("two JSON literals in quotes lose the outer pair", stored(b'SET k ""a" "b""', b'"\\"a\\" \\"b\\""')),
    ("words after an unquoted value are part of it", stored(b"SET k v EX 10", b'"v EX 10"')),
    ("words after a quoted value that are no options make the whole rest the value",
     stored(b'SET k "v" NOPE', b'"\\"v\\" NOPE"')),
    ("SET replaces the value", stored(b"SET k first", b'"first"') + stored(b"SET k second", b'"second"')),
]

SET_OPTIONS = [
    ("NX after a quoted value sets only a new key",
     [(b'SET k "a" NX', key_set(b"k")), (b'SET k "b" NX', NULL), (b"GET k", value(b'"a"'))]),
    ("XX after a quoted value sets only an existing key",
     [(b"SET k 'a' XX", NULL), (b"GET k", not_found(b"k")), (b"SET k a", key_set(b"k")),
      (b"SET k 'b' XX", key_set(b"k")), (b"GET k", value(b'"b"'))]),
    ("GET after a quoted value answers the old value",
     [(b'SET k "1" GET', NULL), (b'SET k "x" GET', value(b"1")), (b"GET k", value(b'"x"'))]),
    ("options are case-insensitive", [(b'SET k "a" xx', NULL), (b'SET k "a" nX', key_set(b"k"))]),
    ("an escaped quote does not end a quoted value",
     [(b'SET k "a\\"b" NX', key_set(b"k")), (b"GET k", value(b'"a\\"b"'))]),
    ("options that exclude each other are a syntax error", [(b'SET k "a" NX XX', SYNTAX), (b"GET k", not_found(b"k"))]),
]

# The bytes of a value as a SET line, and what GET answers. Every line here is unquoted or single-quoted, so the stored
# bytes are what stands in it.
TYPED_VALUES = [
    (f"{rest!r} {'is' if embedded else 'is no'} JSON text", stored(b"SET k " + rest, reply))
    for embedded, rest, reply in [
        (True, b"0", b"0"),
        (True, b"-0", b"-0"),
        (True, b"-12.50", b"-12.50"),
        (True, b"1e5", b"1e5"),
        (True, b"1E+5", b"1E+5"),
        (True, b"1e400", b"1e400"),
        (True, b"123456789012345678901234567890", b"123456789012345678901234567890"),
        (True, b"18446744073709551616", b"18446744073709551616"),
        (True, b"0.1000000000000000055511151231257827", b"0.1000000000000000055511151231257827"),
        (True, b"true", b"true"),
        (True, b"false", b"false"),
        (True, b"null", b"null"),
        (True, b"[]", b"[]"),
        (True, b"{}", b"{}"),
        (True, b"[1,  2,\t3]", b"[1,  2,\t3]"),
        (True, b'{"a":{"b":[null,true,"x"]}}', b'{"a":{"b":[null,true,"x"]}}'),
        (True, b'{"a":1,"a":2}', b'{"a":1,"a":2}'),
        (True, b"'\"\\u00e9\\/\"'", b'"\\u00e9\\/"'),
        (True, b"'\"\xc3\xa9\"'", b'"\xc3\xa9"'),
        (False, b"01", b'"01"'),
        (False, b"+1", b'"+1"'),
        (False, b".5", b'".5"'),
        (False, b"1.", b'"1."'),
        (False, b"1e", b'"1e"'),
        (False, b"-", b'"-"'),
        (False, b"0x10", b'"0x10"'),
        (False, b"NaN", b'"NaN"'),
        (False, b"Infinity", b'"Infinity"'),
        (False, b"True", b'"True"'),
        (False, b"nul", b'"nul"'),
        (False, b"truefalse", b'"truefalse"'),
        (False, b"1 2", b'"1 2"'),
        (False, b"[1,]", b'"[1,]"'),
        (False, b"[1", b'"[1"'),
        (False, b"{'a': 1}", b'"{\'a\': 1}"'),
        (False, b'{"a": 1} x', b'"{\\"a\\": 1} x"'),
        (False, b'{"a": 1', b'"{\\"a\\": 1"'),
        (False, b"{a: 1}", b'"{a: 1}"'),
        (False, b'["\\x"]', b'"[\\"\\\\x\\"]"'),
        (False, b"[1] // no comments", b'"[1] // no comments"'),
    ]
]

BYTES = [
    ("UTF-8 goes through unescaped",
     stored(b"SET k \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", b'"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"')),
    ("control characters are escaped, DEL is not",
     stored(b"SET k a\x00\x01\x1f\x7f\x08\x0cb", b'"a\\u0000\\u0001\\u001f\x7f\\b\\fb"')),
    ("quotes and backslashes are escaped, slashes are not", stored(b"SET k a\"b\\c/d", b'"a\\"b\\\\c/d"')),
    ("bytes that are not UTF-8 come as base64",
     [(b"SET k \xff\xfe", key_set(b"k")), (b"GET k", base64(b"//4="))]),
    ("a cut-off UTF-8 sequence is not UTF-8", [(b"SET k a\xe2\x82", key_set(b"k")), (b"GET k", base64(b"YeKC"))]),
    ("an overlong UTF-8 sequence is not UTF-8", [(b"SET k \xc0\x80", key_set(b"k")), (b"GET k", base64(b"wIA="))]),
    ("an encoded surrogate is not UTF-8", [(b"SET k \xed\xa0\x80", key_set(b"k")), (b"GET k", base64(b"7aCA"))]),
    ("a code point above U+10FFFF is not UTF-8",
     [(b"SET k \xf4\x90\x80\x80", key_set(b"k")), (b"GET k", base64(b"9JCAgA=="))]),
    ("JSON around bytes that are not UTF-8 is no JSON text",
     [(b"SET k '[\"\xff\"]'", key_set(b"k")), (b"GET k", base64(b"WyL/Il0="))]),
    ("a newline inside a JSON text becomes a space",
     [(b'SET k "{\\n\\"a\\":\\n1}"', key_set(b"k")), (b"GET k", value(b'{ "a": 1}'))]),
    ("a newline inside any other text is escaped", stored(b'SET k "[1,\\n"', b'"[1,\\n"')),
    ("keys in messages are JSON-escaped",
     [(b"SET 'a\"b\\c' 1", key_set(b'a\\"b\\\\c')), (b"GET '\t\"'", not_found(b'\\t\\"'))]),
    ("UTF-8 keys are shown as they are",
     [(b"SET caf\xc3\xa9 1", key_set(b"caf\xc3\xa9")), (b"GET caf\xc3\xa9", value(b"1")),
      (b"GET \xe2\x82\xac", not_found(b"\xe2\x82\xac"))]),
    ("a key that is not UTF-8 shows \\ufffd for each bad byte",
     [(b"SET k\xff\xfe! 1", key_set(b"k\\ufffd\\ufffd!")), (b"GET k\xff\xfe!", value(b"1")),
      (b"GET \xe2\x82", not_found(b"\\ufffd\\ufffd"))]),
]

OTHER_COMMANDS = [
    ("an integer reply is a number",
     [(b"SET k 1", key_set(b"k")), (b"DEL k nokey", value(b"1")), (b"DEL k", value(b"0")), (b"EXISTS k k", value(b"0")),
      (b"INCR n", value(b"1")), (b"INCRBY n 41", value(b"42")), (b"DECR n", value(b"41")), (b"DBSIZE", value(b"1"))]),
    ("a bulk reply is typed like a value",
     [(b"ECHO 42", value(b"42")), (b"ECHO hi", value(b'"hi"')), (b"PING hi", value(b'"hi"')),
      (b"PING '[1]'", value(b"[1]")), (b"INCRBYFLOAT f 1.5", value(b"1.5")), (b"ECHO \xff", base64(b"/w=="))]),
    ("a simple string reply is a string",
     [(b"SET k 1", key_set(b"k")), (b"TYPE k", value(b'"string"')), (b"TYPE nokey", value(b'"none"'))]),
    ("OK with nothing more to say is a bare status",
     [(b"MSET a 1 b 2", OK), (b"SELECT 0", OK), (b"FLUSHDB", OK), (b"FLUSHALL", OK), (b"CLIENT SETNAME me", OK)]),
    ("a null reply is null", [(b"GETDEL nokey", NULL), (b"RANDOMKEY", NULL), (b"GETSET k 1", NULL)]),
    ("an array reply is an array of typed values",
     [(b"MSET a 1 b x c '{\"d\": 2}'", OK), (b"MGET a b c nokey", value(b'[1, "x", {"d": 2}, null]')),
      (b"KEYS a*", value(b'["a"]'))]),
    ("an empty array is []", [(b"KEYS *", value(b"[]")), (b"SCAN 0", value(b"[0, []]"))]),
    ("an empty map is {}", [(b"CONFIG GET nosuchoption", value(b"{}"))]),
    ("a map reply is an object", [(b"CONFIG GET databases", value(b'{"databases": 16}'))]),
    ("errors say what Redis says, without the code ERR",
     [(b"SET k abc", key_set(b"k")), (b"INCR k", error(b"value is not an integer or out of range")),
      (b"RENAME nokey x", error(b"no such key")), (b"SELECT 16", error(b"DB index is out of range")),
      (b"SETRANGE k -1 x", error(b"offset is out of range")), (b"MSET a", arity(b"MSET")),
      (b"MSET a 1 b", arity(b"MSET"))]),
    ("an error code other than ERR stands between status and message",
     [(b"AUTH nobody x", b'{"status": "ERROR", "code": "WRONGPASS", '
                         b'"message": "invalid username-password pair or user is disabled."}')]),
    ("a wrong number of arguments for a subcommand names both", [(b"CONFIG GET", arity(b"CONFIG|GET"))]),
    ("string commands of RESP work here with the same arguments",
     [(b"APPEND k abc", value(b"3")), (b"APPEND k def", value(b"6")), (b"STRLEN k", value(b"6")),
      (b"GETRANGE k 1 -2", value(b'"bcde"')), (b"SETRANGE k 1 X", value(b"6")), (b"GET k", value(b'"aXcdef"')),
      (b"SETNX k 1", value(b"0")), (b"MSETNX x 1 y 2", value(b"1")), (b"GETDEL x", value(b"1"))]),
    ("generic commands of RESP work here with the same arguments",
     [(b"SET a 1", key_set(b"a")), (b"RENAME a b", OK), (b"COPY b c", value(b"1")), (b"RENAMENX b c", value(b"0")),
      (b"TOUCH b c d", value(b"2")), (b"UNLINK b c", value(b"2"))]),
    ("databases are separate",
     [(b"SET k 0", key_set(b"k")), (b"SELECT 1", OK), (b"GET k", not_found(b"k")), (b"SELECT 0", OK),
      (b"GET k", value(b"0"))]),
]

TABLE = (NATIVE_COMMANDS + WORKED_EXAMPLES + REQUESTS + SET_VALUES + SET_OPTIONS + TYPED_VALUES + BYTES
         + OTHER_COMMANDS)

# What depends on --durability: with "none" nothing is ever written.
WITHOUT_PERSISTENCE = [
    ("FLUSH says that there is no persistence, and deletes nothing",
     [(b"SET k v", key_set(b"k")), (b"FLUSH", message(b"No persistence enabled")), (b"GET k", value(b'"v"'))]),
    ("SNAPSHOT says that there is no persistence", [(b"SNAPSHOT", message(b"No persistence enabled"))]),
    ("the configuration says that there is no log", [(b"CONFIG GET appendonly", value(b'{"appendonly": "no"}'))]),
]
WITH_PERSISTENCE = [
    ("FLUSH says that everything is on disk, and deletes nothing",
     [(b"SET k v", key_set(b"k")), (b"FLUSH", message(b"All data flushed to disk")), (b"GET k", value(b'"v"'))]),
    ("FLUSH with nothing to write says the same", [(b"FLUSH", message(b"All data flushed to disk"))] * 3),
    ("SNAPSHOT says where the snapshot is, and deletes nothing",
     [(b"SET k v", key_set(b"k")), (b"SNAPSHOT", message(b"Snapshot saved to kvstore.db.snapshot")),
      (b"GET k", value(b'"v"'))]),
    ("the configuration says that there is a log", [(b"CONFIG GET appendonly", value(b'{"appendonly": "yes"}'))]),
]
BY_DURABILITY = {"always": WITH_PERSISTENCE, "everysec": WITH_PERSISTENCE, "none": WITHOUT_PERSISTENCE}

# Streams after which the server closes the connection: (rule, bytes sent, exact bytes received before the close).
# None of them may set the key "pwned".
CLOSING = [
    ("QUIT is answered, then the connection closes", b"PING\nQUIT\nSET pwned 1\n", PONG + b"\n" + OK + b"\n"),
    ("an HTTP POST is closed without an answer",
     b"POST / HTTP/1.1\r\nHost: 127.0.0.1:6379\r\nContent-Type: text/plain\r\n\r\nSET pwned 1\r\n", b""),
    ("an HTTP GET is closed without an answer", b"GET / HTTP/1.1\r\nHost: 127.0.0.1:6379\r\n\r\nSET pwned 1\r\n", b""),
    ("an HTTP GET of a path is closed without an answer", b"GET /a/b?c=d HTTP/1.0\r\n\r\nSET pwned 1\r\n", b""),
    ("a first line that is an HTTP header is closed", b"Host: example.com\r\nSET pwned 1\r\n", b""),
    ("POST in a later line closes", b"PING\nPOST /x HTTP/1.1\nSET pwned 1\n", PONG + b"\n"),
    ("POST in a later line closes whatever follows it", b"PING\nPOST anything\nSET pwned 1\n", PONG + b"\n"),
    ("Host: in a later line closes", b"PING\nHost: a\nSET pwned 1\n", PONG + b"\n"),
]
