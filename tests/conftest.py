"""The numeric libraries are held at one thread, as `bench` holds them, before a test loads one."""

from bench.runtime.executor import bound_threads

bound_threads()
