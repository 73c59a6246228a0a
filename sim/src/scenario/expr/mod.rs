//! Expressions: one small language for triggers and expectations.
//!
//! `time >= 10s and unreplicated(orders/0) >= 20`, `p99(produce) < 40ms outside faults`. [`parse()`] reads and checks
//! types, [`Expr`]'s Display prints the canonical text, [`Expr::evaluate`] answers over [`Facts`]. Whether partitions
//! and faults exist, and what a trigger may use, is checked by `validate`.

mod ast;
mod display;
mod evaluate;
mod parse;
pub(crate) mod quantity;

pub use ast::{Comparison, Expr, MaxOf, Metric, Quantity, Term, Value, ValueType, Window};
pub use evaluate::Facts;
pub use parse::parse;
pub(crate) use parse::parse_at;
