"""Command sequences for which this server must answer byte for byte what redis-server answers.

Each sequence is (rule, [command, ...]) and starts on an empty keyspace with a new connection. A command is a string of
words separated by spaces, or a tuple of words (str or bytes) where a word is empty or holds spaces or other bytes.
"""

BIG = "x" * 9000  # above the size from which values are kept in blocks of their own

STRINGS = [
    ("SET and GET", ["GET k", "SET k v", "GET k", "SET k w", "GET k"]),
    ("SET with conditions", ["SET k v XX", "SET k v NX", "SET k w NX", "GET k", "SET k w xx", "GET k"]),
    ("SET with GET", [
        "SET k 1 GET", "SET k 2 get", "GET k", "SET k 3 NX GET", "SET k 4 XX GET", "GET k", "SET n 1 XX GET", "GET n"]),
    ("SET with KEEPTTL", ["SET k v KEEPTTL", "GET k", "SET k v KEEPTTL NX", "SET k w KEEPTTL XX GET"]),
    ("SET with options that do not fit", [
        "SET k v NX XX", "SET k v FOO", "SET k v NX NX", "SET k v GET GET", "SET k v 10", "SET k v EX", "SET k v PX",
        "GET k"]),
    ("empty keys and values", [
        ("SET", "", ""), ("GET", ""), ("STRLEN", ""), ("EXISTS", ""), ("APPEND", "", ""), ("DEL", ""),
        ("APPEND", "k", ""), ("EXISTS", "k"), ("SETRANGE", "z", "0", ""), ("EXISTS", "z")]),
    ("any byte in keys and values", [("SET", b"\x00\r\n\xff", b"\r\n\x00"), ("GET", b"\x00\r\n\xff"), "KEYS *",
                                     ("STRLEN", b"\x00\r\n\xff")]),
    ("SETNX", ["SETNX k 1", "SETNX k 2", "GET k"]),
    ("GETSET", ["GETSET k 1", "GETSET k 2", "GET k"]),
    ("GETDEL", ["GETDEL k", "SET k v", "GETDEL k", "GETDEL k", "EXISTS k"]),
    ("MSET and MGET", ["MSET a 1 b 2 c 3", "MGET a b c d a", "MSET a 9 a 10", "GET a", "MSET a", "MSET a 1 b", "MGET"]),
    ("MSETNX sets all or none", [
        "MSETNX a 1 b 2", "MSETNX b 3 c 4", "MGET a b c", "MSETNX x 1 x 2", "GET x", "MSETNX a"]),
    ("APPEND and STRLEN", ["APPEND k abc", "APPEND k def", "GET k", "STRLEN k", "STRLEN nokey"]),
    ("GETRANGE", [
        "SET k 0123456789", "GETRANGE k 0 -1", "GETRANGE k 2 4", "GETRANGE k -3 -1", "GETRANGE k 5 2",
        "GETRANGE k 0 100", "GETRANGE k 100 200", "GETRANGE k -100 2", "GETRANGE k -1 -3", "GETRANGE k -100 -50",
        "GETRANGE nokey 0 -1", "GETRANGE k a 1", "GETRANGE k 0", "SUBSTR k 1 2", "GETRANGE k 9223372036854775807 1",
        "GETRANGE k 0 -9223372036854775808", "GETRANGE k -9223372036854775808 9223372036854775807",
        "GETRANGE k 9223372036854775808 1"]),
    ("SETRANGE", [
        "SETRANGE k 5 abc", "GET k", "SETRANGE k 0 XY", "GET k", "SETRANGE k 7 END", "GET k", "SETRANGE k -1 a",
        "SETRANGE k a a", ("SETRANGE", "k", "100", ""), ("SETRANGE", "nokey", "5", ""), "EXISTS nokey",
        "SETRANGE k 536870911 ab", "SETRANGE k 536870912 a", "SETRANGE k 9223372036854775807 a", "STRLEN k"]),
    ("large values", [
        ("SET", "k", BIG), "GET k", "APPEND k abc", "STRLEN k", "GETRANGE k 8998 -1", "SETRANGE k 8999 YZ", "GET k",
        "COPY k c", "APPEND c d", "GET c", "GET k", ("SET", "k", "small"), "GET k", "RENAME c k", "STRLEN k",
        "GETDEL k", ("MSET", "a", BIG, "b", "s", "c", BIG), "MGET a b c d", "APPEND b " + BIG, "GET b"]),
]

NUMBERS = [
    ("INCR and DECR", ["INCR k", "INCR k", "DECR k", "GET k", "DECR new", "SET k -5", "INCR k"]),
    ("INCRBY and DECRBY", [
        "INCRBY k 10", "INCRBY k -3", "DECRBY k 4", "DECRBY k -4", "INCRBY k 0", "INCRBY k x", "DECRBY k 1.5",
        "INCRBY k"]),
    ("integers that are none", [
        "SET k abc", "INCR k", ("SET", "k", " 1"), "INCR k", ("SET", "k", "1 "), "INCR k", "SET k 01", "INCR k",
        "SET k +1", "INCR k", "SET k -0", "INCR k", "SET k 1.0", "INCR k", "SET k 9223372036854775808", "INCR k",
        ("SET", "k", ""), "INCR k", "SET k 0x10", "INCR k", ("SET", "k", "1\x00"), "INCR k"]),
    ("integer limits", [
        "SET k 9223372036854775806", "INCR k", "INCR k", "GET k", "SET k -9223372036854775807", "DECR k", "DECR k",
        "GET k", "SET k 1", "INCRBY k 9223372036854775807", "DECRBY k -9223372036854775808",
        "INCRBY k -9223372036854775808", "INCRBY k 9223372036854775808", "SET k -1", "INCRBY k -9223372036854775808",
        "DECRBY k 9223372036854775807", "GET k"]),
    ("INCRBYFLOAT", [
        "INCRBYFLOAT k 1.5", "INCRBYFLOAT k 1", "INCRBYFLOAT k -2.5", "INCRBYFLOAT k 1e3", "INCRBYFLOAT k 0.1",
        "GET k", "INCRBYFLOAT k 5.0e3", "SET k 10.50", "INCRBYFLOAT k 0.1", "SET k 3.0e3", "INCRBYFLOAT k 200",
        "SET k 1", "INCRBYFLOAT k 0.0000001", "INCRBYFLOAT k -1"]),
    ("floats that are none", [
        "INCRBYFLOAT k abc", "INCRBYFLOAT k nan", "INCRBYFLOAT k inf", "INCRBYFLOAT k -inf",
        ("INCRBYFLOAT", "k", " 1"), ("INCRBYFLOAT", "k", "1 "), ("INCRBYFLOAT", "k", ""), "SET k abc",
        "INCRBYFLOAT k 1", "EXISTS k", "SET k 1e400", "INCRBYFLOAT k 1", "SET k 0x10", "INCRBYFLOAT k 1", "SET k +5",
        "INCRBYFLOAT k 1", "INCRBYFLOAT k"]),
    ("floats small and large", ["INCRBYFLOAT a 1e-17", "INCRBYFLOAT b 123456789012345678", "INCRBYFLOAT c 1e20",
                                "INCRBYFLOAT d 0.1", "INCRBYFLOAT d 0.2", "INCRBYFLOAT e 17.3333333333333333333",
                                "INCRBYFLOAT f -0", "INCRBYFLOAT g 1.7976931348623157e308"]),
]

KEYS = [
    ("DEL, UNLINK, EXISTS and TOUCH count", [
        "MSET a 1 b 2 c 3", "EXISTS a b c d", "EXISTS a a", "TOUCH a b d", "DEL a d", "DEL a", "UNLINK b c b",
        "EXISTS a b c", "DEL", "UNLINK", "EXISTS", "TOUCH"]),
    ("TYPE", ["TYPE k", "SET k v", "TYPE k", "TYPE"]),
    ("RENAME", [
        "RENAME no x", "SET a 1", "RENAME a b", "MGET a b", "SET c 3", "RENAME b c", "MGET b c", "RENAME c c",
        "GET c", "RENAME no no", "RENAME a"]),
    ("RENAMENX", [
        "RENAMENX no x", "MSET a 1 b 2", "RENAMENX a b", "RENAMENX a c", "MGET a b c", "RENAMENX c c",
        "RENAMENX no no"]),
    ("COPY", [
        "COPY no x", "SET a 1", "COPY a b", "COPY a b", "SET a 2", "COPY a b REPLACE", "GET b", "COPY a a",
        "COPY a b DB 3", "SELECT 3", "GET b", "SELECT 0", "COPY a b DB 3 REPLACE", "COPY a b DB 99", "COPY a b DB x",
        "COPY a b FOO", "COPY a c DB", "COPY a", "COPY a a DB 3", "COPY a b REPLACE DB 3"]),
    ("MOVE between databases", [
        "SET a 1", "MOVE a 1", "EXISTS a", "SELECT 1", "GET a", "MOVE a 1", "MOVE a 99", "MOVE no 2", "MOVE a x",
        "SELECT 0", "SET a 2", "MOVE a 1", "GET a"]),
    ("databases are separate", [
        "SET a 0", "SELECT 1", "GET a", "SET a 1", "DBSIZE", "SELECT 15", "DBSIZE", "SELECT 16", "SELECT -1",
        "SELECT x", "SELECT", "SELECT 9999999999", "FLUSHDB", "SELECT 1", "GET a", "FLUSHDB", "GET a", "SELECT 0",
        "GET a"]),
    ("SWAPDB", [
        "SET a 0", "SELECT 1", "SET a 1", "SWAPDB 0 1", "GET a", "SELECT 0", "GET a", "SWAPDB 0 0", "GET a",
        "SWAPDB 0 16", "SWAPDB x 1", "SWAPDB 0 x", "SWAPDB 0"]),
    ("RANDOMKEY of none and of one", ["RANDOMKEY", "SET only 1", "RANDOMKEY"]),
    ("DBSIZE", ["DBSIZE", "MSET a 1 b 2", "DBSIZE", "DEL a", "DBSIZE", "FLUSHDB", "DBSIZE"]),
    ("FLUSHDB and FLUSHALL with options", [
        "SET a 1", "FLUSHDB ASYNC", "DBSIZE", "SET a 1", "FLUSHDB SYNC", "FLUSHDB FOO", "FLUSHALL ASYNC",
        "FLUSHALL SYNC", "FLUSHALL FOO", "FLUSHALL SYNC ASYNC", "DBSIZE"]),
    ("KEYS by pattern, one match at most", [
        "MSET hello 1 hallo 2 h*llo 3 hxxllo 4", "KEYS h[e]llo", r"KEYS h\*llo", "KEYS h??llo", "KEYS hx*o",
        "KEYS nothing*", "KEYS h[^exx*]llo", "KEYS h[b-c]llo", "KEYS HELLO", "KEYS [", "KEYS h[a", "KEYS",
        ("KEYS", "")]),
    ("SCAN that does not fit", [
        "SCAN", "SCAN x", "SCAN 0 COUNT 0", "SCAN 0 COUNT x", "SCAN 0 FOO", "SCAN 0 MATCH",
        "SCAN 0 COUNT -5", "SCAN 0"]),
    ("SCAN by type and pattern", [
        "SET k v", "SCAN 0 TYPE string COUNT 1000", "SCAN 0 TYPE list COUNT 1000", "SCAN 0 MATCH k COUNT 1000",
        "SCAN 0 MATCH x* COUNT 1000", "SCAN 0 MATCH k TYPE string COUNT 1000"]),
]

CONNECTION = [
    ("PING and ECHO", ["PING", "PING hi", "ping", ("PING", ""), "PING a b", "ECHO hi", ("ECHO", ""), "ECHO", "ECHO a b",
                       ("ECHO", b"\x00\r\n")]),
    ("unknown commands name themselves and their arguments",
     ["FOO", "FOO bar", "foo a b c", ("FOO", ""), ("FOO", "a'b", "c d"), ("FOO", "x" * 200), ("F" * 200, "a"),
      ("FOO", *["word"] * 50), ("FOO", b"\r\n\x00"), ("",), ("FO\r\nO",)]),
    ("wrong numbers of arguments name the command", [
        "GET", "GET a b", "set k", "Incr", "MSET", "TYPE a b", "DBSIZE x", "SETNX a"]),
    ("command names are case-insensitive", ["sEt k v", "gEt k", "InCr n", "client getname", "CONFIG get databases"]),
    ("CLIENT names", [
        "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME", ("CLIENT", "SETNAME", "a b"), "CLIENT GETNAME",
        ("CLIENT", "SETNAME", ""), "CLIENT GETNAME", "CLIENT SETNAME", ("CLIENT", "SETNAME", "a\n")]),
    ("CLIENT subcommands that do not fit", ["CLIENT", "CLIENT FOO", "CLIENT FOO bar", "CLIENT GETNAME x", "CLIENT ID x",
                                           "CLIENT setname a b", "CLIENT LIST TYPE foo",
                                           "CLIENT MAINT_NOTIFICATIONS ON", "PING"]),
    ("CLIENT switches", ["CLIENT NO-EVICT ON", "CLIENT NO-EVICT OFF", "CLIENT NO-EVICT x"]),
    ("AUTH without a password set", ["AUTH secret", "AUTH default anything", "AUTH nobody x", "AUTH", "AUTH a b c"]),
    ("HELLO that does not fit", [
        "HELLO 4", "HELLO x", "HELLO 1", "HELLO 3 FOO", "HELLO 2 AUTH a", "HELLO 2 AUTH nobody x", "HELLO 2 SETNAME",
        ("HELLO", "2", "SETNAME", "a b"), "PING"]),
    ("RESET", ["SELECT 3", "CLIENT SETNAME me", "RESET", "CLIENT GETNAME", "SET a 1", "SELECT 0", "GET a", "RESET x"]),
    ("CONFIG", [
        "CONFIG GET databases", "CONFIG GET nosuchoption", "CONFIG GET proto-max-bulk-len",
        "CONFIG GET", "CONFIG FOO", "CONFIG", "CONFIG RESETSTAT", "CONFIG RESETSTAT x",
        "CONFIG GET save"]),
    ("COMMAND", [
        "COMMAND INFO nosuchcommand", "COMMAND DOCS nosuchcommand", "COMMAND GETKEYS GET k",
        "COMMAND GETKEYS MSET a 1 b 2", "COMMAND GETKEYS PING", "COMMAND GETKEYS FOO", "COMMAND GETKEYS GET",
        "COMMAND FOO", "COMMAND COUNT x"]),
]

SEQUENCES = STRINGS + NUMBERS + KEYS + CONNECTION

# Raw bytes on a new connection: whatever redis-server answers, and whether it closes, we do the same. Each begins with
# '*', which makes the connection RESP on our side.
PING = b"*1\r\n$4\r\nPING\r\n"
STREAMS = [
    ("pipelined commands", PING * 3 + b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"),
    ("empty arrays are skipped", b"*0\r\n*-1\r\n*-5\r\n" + PING),
    ("inline commands after an array", PING + b"PING\r\nping\nSET k v\r\nGET k\r\n"),
    ("inline empty lines", PING + b"\r\n\r\n\n  \r\nPING\r\n"),
    ("inline quotes", PING + b'SET k "a b\\x41\\n"\r\nGET k\r\nSET "k" \'it\\\'s\'\r\nGET \'k\'\r\nECHO ""\r\n'),
    ("inline unbalanced quotes", PING + b'GET "k\r\nPING\r\n'),
    ("inline text after a quote", PING + b'GET "k"x\r\nPING\r\n'),
    ("inline single quotes keep backslashes", PING + b"ECHO 'a\\nb'\r\n"),
    ("inline unknown command", PING + b"FOO bar\r\nPING\r\n"),
    ("inline tabs", PING + b"SET\tk\tv\r\n\tGET k\t\r\n"),
    ("an array count that is no number", b"*abc\r\n" + PING),
    ("an array count with a space", b"* 1\r\n" + PING),
    ("an array count that is empty", b"*\r\n" + PING),
    ("an array count too large", b"*2147483648\r\n" + PING),
    ("an array count far too large", b"*99999999999999999999\r\n" + PING),
    ("an array count below int64", b"*-99999999999999999999\r\n" + PING),
    ("a bulk that is none", b"*1\r\n+PING\r\n" + PING),
    ("a bulk that is an integer", b"*1\r\n:1\r\n" + PING),
    ("a bulk that is an array", b"*1\r\n*1\r\n" + PING),
    ("a bulk that is empty", b"*1\r\n\r\n" + PING),
    ("a bulk length that is no number", b"*1\r\n$abc\r\n" + PING),
    ("a bulk length that is empty", b"*1\r\n$\r\n" + PING),
    ("a bulk length below zero", b"*1\r\n$-1\r\n" + PING),
    ("a bulk length too large", b"*1\r\n$536870913\r\n" + PING),
    ("a bulk length far too large", b"*1\r\n$99999999999999999999\r\n" + PING),
    ("a bulk length with a leading zero", b"*1\r\n$04\r\nPING\r\n" + PING),
    ("a bulk length with a plus", b"*1\r\n$+4\r\nPING\r\n" + PING),
    ("the error comes after earlier replies", PING * 2 + b"*1\r\n$x\r\n" + PING),
    ("an array count line without end", b"*" + b"1" * 70000),
    ("a bulk length line without end", b"*1\r\n$" + b"1" * 70000),
    ("an inline line without end", PING + b"A" * 70000),
    ("an unprintable bulk type", b"*1\r\n\x01\r\n" + PING),
    ("an empty command name", b"*1\r\n$0\r\n\r\n" + PING),
    ("many arguments", b"*1001\r\n$3\r\nDEL\r\n" + b"$1\r\nk\r\n" * 1000 + PING),
    ("quit", PING + b"*1\r\n$4\r\nQUIT\r\n" + PING),
    ("HELLO 3, null and map, then HELLO 2",
     b"*2\r\n$5\r\nHELLO\r\n$1\r\n9\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" + PING),
]
