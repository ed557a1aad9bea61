"""Stillweb in other people's trainers and evaluations, a file each. `stillweb adapters` lists them and writes them out.

Every file works alone, with `web.py` written into it: it needs the standard library and the package it is made for, and
nothing of Stillweb's beside it. Trainers pin what they need, and call their own folders `agent` and `training`.
"""
