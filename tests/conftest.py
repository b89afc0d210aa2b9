"""The numeric libraries are held at one thread, as `bench` holds them, before a test loads one."""

from bench.executor import bound_threads

bound_threads()
