"""PromQL's functions, by what they take: ranges, instant vectors, label sets, histogram buckets.

Kernels are pure and see columns only; `registry` says which kernel a name means.
"""
