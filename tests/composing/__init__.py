"""Tests of bench.composing."""
