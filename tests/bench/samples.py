# One metric, in nanoseconds, of each sample of the event stream on standard input; seconds come out.
import json
import sys

for line in sys.stdin:
    event = json.loads(line)
    if event["event"] == "sample":
        print(*(f"{m['value'] / 1e9:.6f}" for m in event["metrics"] if m["name"] == sys.argv[1]))
