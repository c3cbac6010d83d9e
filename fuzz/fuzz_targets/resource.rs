//! Any JSON as the body of a POST or PUT request, and as a stored resource.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenon_fuzz::{SAMPLES, assert_valid, create, replace};
use tenon_scim::Object;
use tenon_scim::resource::Known;

fuzz_target!(|data: &[u8]| {
    let Ok(input) = serde_json::from_slice::<Object>(data) else { return };
    for sample in SAMPLES.iter() {
        if let Ok(created) = create(&sample.resource_type, &input) {
            assert_valid(&sample.resource_type, &created);
        }
        if let Ok(replaced) = replace(&sample.resource_type, &sample.resource, &input) {
            assert_valid(&sample.resource_type, &replaced);
        }
        let known = Known::of(&sample.resource_type, input.clone());
        assert_eq!(Known::of(&sample.resource_type, known.clone().into_stored()), known);
    }
});
