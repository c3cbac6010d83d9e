//! Any text as a filter: parsed, printed, bound, evaluated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenon_fuzz::SAMPLES;
use tenon_scim::filter::{Filter, FilterErrorKind, parse};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(filter) = parse(text) else { return };
    // The printed form may be longer and deeper, and so pass a limit.
    match parse(&filter.to_string()) {
        Ok(again) => assert_eq!(again, filter),
        Err(error) => {
            let limits = [FilterErrorKind::TooDeep, FilterErrorKind::TooLong];
            assert!(limits.contains(&error.kind), "{filter}: {error}");
        }
    }
    for sample in SAMPLES.iter() {
        let Ok(bound) = filter.bind(&sample.resource_type) else { continue };
        let negated = Filter::Not(Box::new(filter.clone()));
        let negated = negated.bind(&sample.resource_type).unwrap();
        assert_ne!(bound.matches(&sample.resource), negated.matches(&sample.resource));
    }
});
