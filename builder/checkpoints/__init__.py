"""What is known of the paper's ablation checkpoints (arXiv 2505.02881), as checked records and tables.

`records` reads `checkpoints_meta/`, `table` recomputes the differences that the paper reports. Every number
carries a mark that says how it is known; what is not known says so, with the reason.
"""
