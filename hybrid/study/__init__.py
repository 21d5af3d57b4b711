"""Ablation studies: the same songs mixed under rules that differ in one thing, and the effects of that difference."""
