# Draws scripts/bench's results as an SVG: two panels of bars, what is reached of raw EVP and of a key in a file.
# Input, separated by |: ops|NAME|ours|softhsm|goal and tls|NAME|ours|softhsm|goal; the title in -v title=.
BEGIN {
	FS = "|"
	row = 34; left = 190; right = 430; top = 76; n["ops"] = n["tls"] = 0
}
$1 == "ops" || $1 == "tls" {
	i = ++n[$1]
	name[$1, i] = $2; ours[$1, i] = $3; theirs[$1, i] = $4; goal[$1, i] = $5
}
function escape(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); return s }
function x(value) { return left + (value > 1.1 ? 1.1 : value) * (right - left) }
function bar(panel, y, value, class) {
	printf "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"11\" rx=\"2\"/>", class, left, y, x(value) - left
	printf "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">%.2f</text>\n", x(1.1) + 6, y + 9.5, value
}
function panel(which, heading, shift,    i, y) {
	printf "<g transform=\"translate(%d,0)\">\n<text class=\"heading\" x=\"16\" y=\"%d\">%s</text>\n", shift, top - 18, heading
	printf "<line class=\"one\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", x(1), x(1), top - 6, top + n[which] * row
	for (i = 1; i <= n[which]; i++) {
		y = top + (i - 1) * row
		printf "<text class=\"name\" x=\"%d\" y=\"%.1f\">%s</text>\n", left - 8, y + 16, escape(name[which, i])
		bar(which, y + 1, ours[which, i], "ours")
		if (theirs[which, i] != "") bar(which, y + 14, theirs[which, i], "theirs")
		if (goal[which, i] != "")
			printf "<line class=\"goal\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x(goal[which, i]), x(goal[which, i]), y - 1, y + 14
	}
	print "</g>"
}
END {
	most = n["ops"] > n["tls"] ? n["ops"] : n["tls"]
	width = n["tls"] ? 1030 : 520; height = top + most * row + 44
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", width, height, width, height
	printf "<title>%s</title>\n", escape(title)
	print "<style>text { font: 12px sans-serif; fill: #57606a } .heading, .title { font-weight: bold; font-size: 13px }"
	print ".name { text-anchor: end } .value { font-size: 10px } .ours { fill: #1f77b4 } .theirs { fill: #9a9fa5 }"
	print ".one { stroke: #8c959f; stroke-dasharray: 3 3 } .goal { stroke: #d1242f; stroke-width: 2 }"
	print "@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } .ours { fill: #58a6ff } .theirs { fill: #6e7681 } .goal { stroke: #ff7b72 } }</style>"
	printf "<text class=\"title\" x=\"16\" y=\"24\">%s</text>\n", escape(title)
	if (n["ops"]) panel("ops", "Operations by CPU time: raw EVP = 1", 0)
	if (n["tls"]) panel("tls", "Full handshakes of nginx by its CPU time: key in a file = 1", n["ops"] ? 510 : 0)
	y = height - 22
	printf "<rect class=\"ours\" x=\"16\" y=\"%d\" width=\"11\" height=\"11\" rx=\"2\"/><text x=\"32\" y=\"%d\">kbs-pkcs11</text>\n", y, y + 10
	printf "<rect class=\"theirs\" x=\"116\" y=\"%d\" width=\"11\" height=\"11\" rx=\"2\"/><text x=\"132\" y=\"%d\">SoftHSM 2</text>\n", y, y + 10
	printf "<line class=\"goal\" x1=\"216\" x2=\"216\" y1=\"%d\" y2=\"%d\"/><text x=\"224\" y=\"%d\">the goal</text>\n", y - 2, y + 13, y + 10
	print "</svg>"
}
