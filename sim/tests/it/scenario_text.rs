//! The loader against texts nobody wrote: it answers, whatever it is given.

use proptest::prelude::*;
use tribunal_sim::scenario::expr::{self, Comparison, Expr, MaxOf, Metric, Quantity, Term, Value, Window};
use tribunal_sim::scenario::{self, Guarantee};

use tribunal_engine::id::TopicPartition;

const EXAMPLE: &str = include_str!("../../../scenarios/leader-crash.toml");

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,200}") {
        if let Err(diagnostics) = scenario::parse("any.toml", &text) {
            prop_assert!(!diagnostics.render(false, 80).is_empty());
        }
    }

    #[test]
    fn no_change_to_a_good_file_makes_the_loader_panic(
        at in 0..EXAMPLE.len(),
        length in 0..40_usize,
        inserted in "[\\[\\]{}\"'=.,0-9a-z$ \n%é-]{0,12}",
    ) {
        let start = (0..=at).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap_or(0);
        let wanted = (start + length).min(EXAMPLE.len());
        let end = (start..=wanted).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap_or(start);
        let text = [&EXAMPLE[..start], &inserted, &EXAMPLE[end..]].concat();
        if let Err(diagnostics) = scenario::parse("changed.toml", &text) {
            prop_assert!(diagnostics.errors() > 0);
            prop_assert!(!diagnostics.render(false, 80).is_empty());
        }
    }

    #[test]
    fn no_text_makes_the_expression_parser_panic(text in "[a-z0-9()<>=!/., %é-]{0,60}") {
        let _ = expr::parse(&text);
    }

    #[test]
    fn an_expression_that_is_printed_reads_back(expr in any_expr()) {
        let printed = expr.to_string();
        prop_assert_eq!(expr::parse(&printed), Ok(expr), "{}", printed);
    }
}

fn any_partition() -> impl Strategy<Value = TopicPartition> {
    ("[a-z0-9][a-zA-Z0-9._-]{0,8}", 0..100_i32).prop_map(|(topic, index)| TopicPartition::new(&topic, index))
}

fn any_count() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        Just(Quantity::Sent),
        Just(Quantity::Acked),
        Just(Quantity::Consumed),
        Just(Quantity::Lost),
        any_partition().prop_map(Quantity::Isr),
        any_partition().prop_map(Quantity::Unreplicated),
        any_partition().prop_map(Quantity::Truncated),
        any_partition().prop_map(Quantity::Epoch),
        proptest::sample::select(Guarantee::ALL).prop_map(Quantity::Violations),
        any_partition()
            .prop_map(|partition| Quantity::Max(MaxOf::Quantity(Box::new(Quantity::Isr(partition))))),
    ]
}

fn any_duration() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        Just(Quantity::Time),
        Just(Quantity::LostWindow),
        "[a-z][a-z0-9_-]{0,8}".prop_map(Quantity::Rto),
        any_partition().prop_map(Quantity::Unavailable),
        any_latency(),
    ]
}

fn any_latency() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        (1..10_000_u16).prop_map(|hundredths| Quantity::Percentile(hundredths, Metric::Produce)),
        Just(Quantity::Max(MaxOf::Metric(Metric::Produce))),
    ]
}

fn any_comparison() -> impl Strategy<Value = Comparison> {
    prop_oneof![
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::GreaterOrEqual),
        Just(Comparison::Greater),
    ]
}

fn any_time() -> impl Strategy<Value = Value> {
    (0..3_600_000_000_000_000_u64).prop_map(|nanos| Value::Duration(std::time::Duration::from_nanos(nanos)))
}

fn compare(left: Quantity, comparison: Comparison, right: Value) -> Expr {
    Expr::Compare { left: Term::Quantity(left), comparison, right: Term::Constant(right) }
}

fn any_window() -> impl Strategy<Value = Window> {
    prop_oneof![Just(Window::OutsideFaults), "[a-z][a-z0-9_-]{0,8}".prop_map(Window::During)]
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (any_count(), any_comparison(), any::<u64>()).prop_map(|(left, comparison, count)| compare(
            left,
            comparison,
            Value::Count(count)
        )),
        (any_duration(), any_comparison(), any_time())
            .prop_map(|(left, comparison, time)| compare(left, comparison, time)),
        (any_latency(), any_comparison(), any_time(), any_window()).prop_map(
            |(left, comparison, time, window)| {
                Expr::Within(Box::new(compare(left, comparison, time)), window)
            }
        ),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| Expr::And(Box::new(left), Box::new(right))),
            (inner.clone(), inner.clone())
                .prop_map(|(left, right)| Expr::Or(Box::new(left), Box::new(right))),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}
