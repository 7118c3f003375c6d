"""What the edge costs a request: `python -m tests.benchmarks.data_path`, in a running lab.

fortio (https://fortio.org) sends the same call of a tool through the lab's gateway to fortio's own server, in
alternating pairs: the whole declaration and one without a feature, the whole and a bare Istio, one app and many.
"""
