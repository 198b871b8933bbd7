//! The LLM that tool routers stand in for.
