//! The paper's builder, through its public interface.

mod build;
