# Seconds that the steps of a kind took, of the event stream on standard input.
import json
import sys

spent = 0
for line in sys.stdin:
    event = json.loads(line)
    if event["event"] == "step_end" and event["kind"] == sys.argv[1]:
        spent += event["duration_ns"]
print(f"{spent / 1e9:.6f}")
