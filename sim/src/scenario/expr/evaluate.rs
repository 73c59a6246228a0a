//! Whether an expression is true, given facts that may be missing.
//!
//! Three answers: true, false, not known. What is not known stays so unless the rest decides (`false and ?` is
//! false): an expectation about something that never happened is `not tested`, not met.

use super::ast::{Comparison, Expr, Quantity, Term, Value, Window};

/// What a run says.
pub trait Facts {
    /// The value of `quantity`, measured over `window` (`None`: over everything so far). `None` when it is not known,
    /// because nothing of the kind happened.
    fn value(&self, quantity: &Quantity, window: Option<&Window>) -> Option<Value>;
}

impl Expr {
    /// Whether the expression holds; `None` when the facts do not decide it.
    #[must_use]
    pub fn evaluate(&self, facts: &dyn Facts) -> Option<bool> {
        self.evaluate_in(facts, None)
    }

    fn evaluate_in(&self, facts: &dyn Facts, window: Option<&Window>) -> Option<bool> {
        match self {
            Expr::And(left, right) => {
                match (left.evaluate_in(facts, window), right.evaluate_in(facts, window)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Expr::Or(left, right) => {
                match (left.evaluate_in(facts, window), right.evaluate_in(facts, window)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                }
            }
            Expr::Not(inner) => inner.evaluate_in(facts, window).map(|holds| !holds),
            Expr::Within(inner, window) => inner.evaluate_in(facts, Some(window)),
            Expr::Compare { left, comparison, right } => {
                Some(comparison.holds(left.value(facts, window)?, right.value(facts, window)?))
            }
        }
    }
}

impl Term {
    /// The term's value; `None` when the facts do not have it.
    #[must_use]
    pub fn value(&self, facts: &dyn Facts, window: Option<&Window>) -> Option<Value> {
        match self {
            Term::Constant(value) => Some(*value),
            Term::Quantity(quantity) => facts.value(quantity, window),
        }
    }
}

impl Comparison {
    /// Whether `left` and `right` compare so. Values of two types never do.
    #[must_use]
    pub fn holds(self, left: Value, right: Value) -> bool {
        if left.value_type() != right.value_type() {
            return false;
        }
        match self {
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::GreaterOrEqual => left >= right,
            Comparison::Greater => left > right,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::parse::parse;
    use super::*;

    struct At(Duration);

    impl Facts for At {
        fn value(&self, quantity: &Quantity, _window: Option<&Window>) -> Option<Value> {
            match quantity {
                Quantity::Time => Some(Value::Duration(self.0)),
                Quantity::Acked => Some(Value::Count(7)),
                _ => None,
            }
        }
    }

    fn answer(text: &str) -> Option<bool> {
        parse(text).expect("a legal expression").evaluate(&At(Duration::from_secs(10)))
    }

    #[test]
    fn comparisons_use_the_facts() {
        assert_eq!(answer("time >= 10s and acked == 7"), Some(true));
        assert_eq!(answer("not (time > 10s or acked < 7)"), Some(true));
    }

    #[test]
    fn an_unknown_fact_decides_nothing() {
        assert_eq!(answer("lost == 0"), None);
        assert_eq!(answer("lost == 0 or time == 10s"), Some(true));
        assert_eq!(answer("lost == 0 and time != 10s"), Some(false));
    }
}
