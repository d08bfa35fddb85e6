//! `scheduler`, which this platform does not have yet: everything is denied.
#![no_main]

// Its allocator.
use alga as _;
use bindings::exports::alga::extension::scheduler::{
    CreateScheduleInput, CreateScheduleResult, DeleteScheduleResult, EndpointInfo, Guest, ScheduleInfo, SchedulerError,
    UpdateScheduleInput, UpdateScheduleResult,
};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "scheduler-adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

fn denied() -> Option<String> {
    Some("Permission denied: cap:scheduler.manage not granted".to_owned())
}

impl Guest for Adapter {
    fn list_schedules() -> Result<Vec<ScheduleInfo>, SchedulerError> {
        Err(SchedulerError::Denied)
    }

    fn get_schedule(_: String) -> Result<Option<ScheduleInfo>, SchedulerError> {
        Err(SchedulerError::Denied)
    }

    fn create_schedule(_: CreateScheduleInput) -> CreateScheduleResult {
        CreateScheduleResult {
            success: false,
            schedule_id: None,
            error: denied(),
            field_errors: None,
        }
    }

    fn update_schedule(_: String, _: UpdateScheduleInput) -> UpdateScheduleResult {
        UpdateScheduleResult {
            success: false,
            error: denied(),
            field_errors: None,
        }
    }

    fn delete_schedule(_: String) -> DeleteScheduleResult {
        DeleteScheduleResult {
            success: false,
            error: denied(),
        }
    }

    fn get_endpoints() -> Result<Vec<EndpointInfo>, SchedulerError> {
        Err(SchedulerError::Denied)
    }
}
