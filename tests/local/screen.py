"""screen.py COLUMNS: what a terminal of that width shows in the end of what is written to it on standard
input, lines without the blanks at their ends. Knows what kataloop uses: carriage returns, line ends,
cursor up, erase below, colours. Anything else of an escape character is shown as \\e."""
import re
import sys

columns = int(sys.argv[1])
data = sys.stdin.buffer.read().decode("utf-8", "replace")
lines, row, column = [""], 0, 0
for one in re.finditer(r"\x1b\[([\d;]*)([AJm])|\r|\n|[^\r\n]", data):
    text = one.group(0)
    if one.group(2) == "A":
        row -= int(one.group(1) or 1)
    elif one.group(2) == "J":
        lines[row] = lines[row][:column]
        del lines[row + 1 :]
    elif one.group(2) == "m":
        pass
    elif text == "\r":
        column = 0
    elif text == "\n":
        row += 1
    else:
        text = "\\e" if text == "\x1b" else text
        if column >= columns:
            row, column = row + 1, 0
        while len(lines) <= row:
            lines.append("")
        lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
        column += len(text)
    while len(lines) <= row:
        lines.append("")
print("\n".join(line.rstrip() for line in lines))
