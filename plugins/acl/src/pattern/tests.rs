//! Patterns against every topic of a small alphabet, and what names may do in them.

use mqtt::topic::{check_topic_filter, matches};

use super::*;

const NOBODY: Names<'_> = Names { client_id: "c", username: None };

fn pattern(text: &str) -> Pattern {
    Pattern::try_from(text.to_owned()).unwrap()
}

fn ask(effect: Effect, relation: Relation, names: Names<'_>) -> Question<'_> {
    Question { relation, effect, names }
}

/// All filters of at most three levels, and `#` behind them, that are made of these.
fn filters() -> Vec<String> {
    let mut all = vec!["#".to_owned()];
    for path in paths(&["a", "$x", "", "+"], 3) {
        all.push(format!("{path}/#"));
        all.push(path);
    }
    all.retain(|filter| check_topic_filter(filter).is_ok());
    all
}

/// All topics of up to one level more than the filters have, with a level that no filter names. Among
/// them is the empty one, which nobody can publish to, but which `/#` has like `a/#` has `a`.
fn topics() -> Vec<String> {
    paths(&["a", "$x", "", "z"], 5)
}

fn paths(levels: &[&str], depth: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut longest = vec![String::new()];
    for length in 1..=depth {
        let join = |path: &String, level: &&str| match length {
            1 => (*level).to_owned(),
            _ => format!("{path}/{level}"),
        };
        longest = longest.iter().flat_map(|it| levels.iter().map(move |l| join(it, l))).collect();
        all.extend_from_slice(&longest);
    }
    all
}

/// Which topics a filter has. A rule that denies has those too that begin with `$`.
fn topics_of(filter: &str, effect: Effect, topics: &[String]) -> Vec<bool> {
    let has = |topic: &String| match effect {
        Effect::Allow => matches(filter, topic),
        Effect::Deny => matches(&format!("x/{filter}"), &format!("x/{topic}")),
    };
    topics.iter().map(has).collect()
}

#[test]
fn filters_stand_as_their_topics_do() {
    let (filters, topics) = (filters(), topics());
    assert!(filters.len() > 160 && topics.len() > 1300);
    let asked: Vec<_> = filters.iter().map(|it| topics_of(it, Effect::Allow, &topics)).collect();
    for rule in &filters {
        let pattern = pattern(rule);
        for effect in [Effect::Allow, Effect::Deny] {
            let ours = topics_of(rule, effect, &topics);
            for (filter, theirs) in filters.iter().zip(&asked) {
                let mut both = ours.iter().zip(theirs);
                let covers = both.clone().all(|(ours, theirs)| *ours || !theirs);
                let overlaps = both.any(|(ours, theirs)| *ours && *theirs);
                for (relation, expected) in
                    [(Relation::Covers, covers), (Relation::Overlaps, overlaps)]
                {
                    let stands = pattern.stands(filter, ask(effect, relation, NOBODY));
                    assert_eq!(stands, expected, "{rule} {filter} {effect:?}");
                }
            }
            for (topic, has) in topics.iter().zip(ours) {
                let stands = pattern.stands(topic, ask(effect, Relation::Covers, NOBODY));
                assert_eq!(stands, has, "{rule} {topic} {effect:?}");
            }
        }
    }
}

/// Of a rule of each effect, whether it has the topic.
fn has(text: &str, topic: &str, client_id: &str, username: Option<&str>) -> (bool, bool) {
    let names = Names { client_id, username };
    let has = |effect| pattern(text).stands(topic, ask(effect, Relation::Covers, names));
    (has(Effect::Allow), has(Effect::Deny))
}

#[test]
fn names_are_put_in() {
    const YES: (bool, bool) = (true, true);
    const NO: (bool, bool) = (false, false);
    assert_eq!(has("dev/%c/#", "dev/c1/x", "c1", None), YES);
    assert_eq!(has("dev/%c/#", "dev/c2/x", "c1", None), NO);
    assert_eq!(has("dev/%c/#", "dev/c1/x/%c", "c1", None), YES);
    assert_eq!(has("%u/%c", "alice/c1", "c1", Some("alice")), YES);
    assert_eq!(has("%u/%c", "alice/c1", "c1", Some("bob")), NO);
    assert_eq!(has("a-%c-%u-b", "a-c1-alice-b", "c1", Some("alice")), YES);
    assert_eq!(has("a-%c-%u-b", "a-c1-alice-bc", "c1", Some("alice")), NO);
    assert_eq!(has("a-%c", "a-c12", "c1", None), NO);
    assert_eq!(has("100%%/%%c", "100%/%c", "c1", None), YES);
    // What is put in stands for itself.
    assert_eq!(has("%c", "c1", "%u", Some("c1")), NO);
    assert_eq!(has("x/%c", "x/$a", "$a", None), YES);
}

/// They would have topics of others, or be read as wildcards.
#[test]
fn names_that_do_not_fit_allow_nothing_and_deny_all_from_there() {
    const ONLY_DENY: (bool, bool) = (false, true);
    for odd in ["+", "#", "a/b", "a+", "/", ""] {
        for topic in ["dev/x/y", "dev", "dev/+", "dev/#", "dev/a/b/y", "dev//y"] {
            assert_eq!(has("dev/%c/y", topic, odd, None), ONLY_DENY, "{odd} {topic}");
            assert_eq!(has("dev/x%u/y", topic, "c", Some(odd)), ONLY_DENY, "{odd} {topic}");
        }
        assert_eq!(has("dev/%c/y", "other/x/y", odd, None), (false, false));
        assert_eq!(has("%c/#", "$SYS/x", odd, None), ONLY_DENY);
    }
    // No user name at all.
    assert_eq!(has("dev/%u/y", "dev/x/y", "c", None), ONLY_DENY);
    // A client shall not call itself $SYS.
    assert_eq!(has("%c/#", "$SYS/x", "$SYS", None), ONLY_DENY);
    assert_eq!(has("%c%u/#", "$SYS/x", "$SY", Some("S")), ONLY_DENY);
    assert_eq!(has("a%c/#", "a$SYS/x", "$SYS", None), (true, true));
}

#[test]
fn wildcards_that_are_asked_for_are_not_names() {
    let names = Names { client_id: "c1", username: None };
    let stands =
        |relation, filter| pattern("dev/%c/#").stands(filter, ask(Effect::Deny, relation, names));
    for filter in ["dev/+/x", "dev/#", "#", "+/c1/+"] {
        assert!(!stands(Relation::Covers, filter), "{filter}");
        assert!(stands(Relation::Overlaps, filter), "{filter}");
    }
    assert!(stands(Relation::Covers, "dev/c1/+"));
    assert!(!stands(Relation::Overlaps, "dev/c2/+"));
}
