# What test results say, for build.sh: counts, the names of failed tests, and whether they fail again. Sourced.
# shellcheck shell=sh

# Reads attribute $2 of the <Counters> line $1 of a trx file; 0 if it is missing.
counter() {
    value=$(printf '%s\n' "$1" | sed -n 's/.* '"$2"'="\([0-9][0-9]*\)".*/\1/p')
    printf '%s\n' "${value:-0}"
}

# The names of the failed tests in result file $1, with the first line of what each said, for the end of the output: a log that is cut off keeps its end.
failures=
name_failures() {
    [ -f "$1" ] || return 0
    found=$(awk -v RS='<UnitTestResult ' '/^[^>]* outcome="Failed"/ {
        match($0, /testName="[^"]*"/); name = substr($0, RSTART + 10, RLENGTH - 11)
        said = ""
        if (match($0, /<Message>[^<]*/)) said = substr($0, RSTART + 9, RLENGTH - 9)
        gsub(/[ \t\r\n]+/, " ", said)
        printf "FAILED: %s: %s\n", name, substr(said, 1, 400)
    }' "$1") || :
    [ -z "$found" ] || failures="$failures$found
"
}

# Runs the failed tests of project $1 once more, alone, if they are few ($2): a packet that a busy machine delivers late is no fault of the rules. False if one fails again. Whoever
# passes only now is named at the end, and has to be looked at: it may be a race of ours.
passes_again() {
    [ "$2" -ge 1 ] && [ "$2" -le 3 ] || return 1
    again=$(sed -n '/ outcome="Failed"/s/.* testName="\([A-Za-z0-9_.]*\).*/\1/p' "$results/$1.trx" | sort -u)
    [ -n "$again" ] || return 1
    filter=$(printf 'FullyQualifiedName=%s|' $again)
    say "== $1, what failed, again"
    dotnet test "tests/$1" -c "$configuration" --no-build --results-directory "$results" --logger "trx;LogFileName=$1.again.trx" --filter "${filter%|}" \
        --blame-hang --blame-hang-timeout 5min --blame-hang-dump-type none </dev/null || return 1
    line=$(grep -o '<Counters [^>]*' "$results/$1.again.trx" 2>/dev/null | head -n 1) || :
    [ "$(counter "$line" passed)" -ge "$2" ] || return 1
    failures="$failures$(printf 'PASSED ONLY WHEN RUN AGAIN: %s\n' $again)
"
    name_failures "$results/$1.trx"
}

passed=0 failed=0 skipped=0
add() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }
