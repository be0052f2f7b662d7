"""Measure speed: one module for every stage, each interleaved with a reference."""
