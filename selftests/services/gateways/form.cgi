#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers with the form that the server has parsed, as JSON."""
import json
import os
import sys

with open(os.environ["LINNET_FORM"], encoding="utf-8") as f:
    form = json.load(f)
files = []
for n in range(int(os.environ["LINNET_FORM_FILES"])):
    with open(4 + n, "rb") as f:
        files.append(f.read().decode("latin-1"))
answer = json.dumps({"form": form, "files": files, "env": dict(os.environ), "body": sys.stdin.read()})
sys.stdout.write(f"Content-Type: application/json\n\n{answer}")
