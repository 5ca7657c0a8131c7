"""Trials that try to make the service break its promises: kills, power cuts, outages, floods, made-up histories.

`make torture` runs them; each prints one line of figures. `docs/guarantees.md` says which promise each of them proves.
"""
