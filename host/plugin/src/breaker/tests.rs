//! What opens and closes a breaker.

use serde_json::json;

use super::*;
use crate::limits::Budget;

fn call(config: Value) -> Call {
    Call {
        tenant: "acme".into(),
        plugin: "cost-center".into(),
        request_id: "01JD".into(),
        resource_type: "User".into(),
        operation: "create".into(),
        actor: "operator".into(),
        config: Arc::new(config.as_object().unwrap().clone()),
        directory: None,
        now: 0,
        seed: [0; 32],
        budget: Budget::default(),
        recorder: None,
    }
}

fn failure() -> CallError {
    CallError::Failure { message: String::new() }
}

/// What a test does with one breaker.
struct World {
    breakers: Breakers,
    digest: Digest,
    call: Call,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let (breakers, digest) = (Breakers::default(), Digest::of(b""));
        Self { breakers, digest, call: call(json!({})), now: Instant::now() }
    }

    fn enter(&self) -> Result<Passage<'_>, CallError> {
        self.breakers.enter((&self.call, self.digest, Capability::Validation), self.now)
    }

    /// Whether a call was let through; it ends so.
    fn calls(&self, error: Option<&CallError>) -> bool {
        let passage = self.enter();
        let is_let_through = passage.is_ok();
        if let Ok(passage) = passage {
            passage.ended(error, self.now);
        }
        is_let_through
    }

    fn fail(&self, times: u32) {
        for _ in 0..times {
            assert!(self.calls(Some(&failure())));
        }
    }

    fn state(&self) -> Option<BreakerState> {
        self.breakers.of("acme", "cost-center", self.now).pop()
    }
}

#[test]
fn five_faults_in_a_row_open_it_and_an_answer_between_them_does_not() {
    let world = World::new();
    world.fail(4);
    assert!(world.calls(None));
    assert_eq!(world.state(), None);
    world.fail(4);
    assert_eq!(world.state().map(|it| (it.faults, it.open_for)), Some((4, None)));
    world.fail(1);
    let error = world.enter().unwrap_err();
    assert!(
        matches!(error, CallError::BreakerOpen { faults: 5, retry_after } if retry_after == FIRST_PAUSE)
    );
    assert_eq!((world.breakers.open(), error.kind()), (1, "breaker-open"));
    assert!(world.breakers.of("globex", "cost-center", world.now).is_empty());
}

#[test]
fn after_the_pause_one_call_decides_and_the_pause_doubles_up_to_five_minutes() {
    let mut world = World::new();
    world.fail(5);
    let mut pause = FIRST_PAUSE;
    for _ in 0..7 {
        world.now += pause;
        {
            let trial = world.enter().unwrap();
            assert!(world.enter().is_err(), "one at a time");
            trial.ended(Some(&failure()), world.now);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        assert_eq!(world.state().unwrap().open_for, Some(pause));
    }
    assert_eq!(pause, LONGEST_PAUSE);
    world.now += pause;
    assert!(world.calls(None));
    assert_eq!((world.state(), world.breakers.open()), (None, 0));
}

#[test]
fn a_deciding_call_that_nobody_waits_for_leaves_the_decision_to_the_next() {
    let mut world = World::new();
    world.fail(5);
    world.now += FIRST_PAUSE;
    drop(world.enter().unwrap());
    assert!(world.calls(None));
    assert_eq!(world.breakers.open(), 0);
}

#[test]
fn what_is_not_the_plugins_fault_and_what_began_before_count_for_nothing() {
    let world = World::new();
    let busy = CallError::Busy { whose: "the server", running: 1 };
    world.fail(4);
    assert!(world.calls(Some(&busy)));
    assert_eq!(world.state().unwrap().faults, 4);
    let late = world.enter().unwrap();
    world.fail(1);
    late.ended(Some(&failure()), world.now);
    assert_eq!(world.state().unwrap().open_for, Some(FIRST_PAUSE));
}

#[test]
fn another_configuration_closes_it() {
    let mut world = World::new();
    world.fail(5);
    assert!(world.enter().is_err());
    world.call = call(json!({ "pattern": "x" }));
    assert!(world.calls(None));
}
