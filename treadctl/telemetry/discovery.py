"""The machine's description for Home Assistant: one device, its entities, no entity that could move anything."""

from __future__ import annotations

from typing import Any

from treadctl.telemetry.topics import OFFLINE, ONLINE, Topics


def payload(topics: Topics, release: str) -> dict[str, Any]:
    """The retained body of the device discovery topic. Keys follow Home Assistant's short forms (`dev`, `o`, `cmps`, `p`)."""
    device_id = f"treadctl_{topics.machine.replace('-', '_')}"
    return {
        "dev": {"ids": [device_id], "name": f"Treadmill {topics.machine}", "mf": "treadctl", "mdl": "treadctl", "sw": release},
        "o": {"name": "treadctl", "sw": release},
        "availability_topic": topics.availability,
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "qos": 1,
        "cmps": {name: {"unique_id": f"{device_id}_{name}", **body} for name, body in _components(topics).items()},
    }


def _components(topics: Topics) -> dict[str, dict[str, Any]]:
    state, telemetry = topics.state, topics.telemetry
    measurement = {"p": "sensor", "state_topic": telemetry, "state_class": "measurement", "expire_after": 30}
    diagnostic = {"p": "sensor", "entity_category": "diagnostic"}
    return {
        "state": {"p": "sensor", "name": "State", "state_topic": state, "value_template": "{{ value_json.state }}"},
        "tripped": {
            "p": "binary_sensor",
            "name": "Tripped",
            "device_class": "problem",
            "state_topic": state,
            "value_template": "{{ 'ON' if value_json.tripped else 'OFF' }}",
        },
        "cause": {"p": "sensor", "name": "Cause", "state_topic": state, "value_template": "{{ value_json.cause or 'none' }}"},
        "program": {"p": "sensor", "name": "Program", "state_topic": state, "value_template": "{{ value_json.program or 'none' }}"},
        "speed": {
            **measurement,
            "name": "Belt speed",
            "device_class": "speed",
            "unit_of_measurement": "m/s",
            "value_template": "{{ value_json.belt.measured_mps }}",
        },
        "direction": {"p": "sensor", "name": "Belt direction", "state_topic": telemetry, "value_template": "{{ value_json.belt.direction or 'standstill' }}"},
        "grade": {**measurement, "name": "Grade", "unit_of_measurement": "%", "value_template": "{{ value_json.belt.grade_percent }}"},
        "rail_left": {**measurement, "name": "Left rail load", "unit_of_measurement": "N", "value_template": "{{ value_json.rails.left_n }}"},
        "rail_right": {**measurement, "name": "Right rail load", "unit_of_measurement": "N", "value_template": "{{ value_json.rails.right_n }}"},
        "heart_rate": {**measurement, "name": "Heart rate", "unit_of_measurement": "1/min", "value_template": "{{ value_json.heart_rate_per_min }}"},
        "drive": {**diagnostic, "name": "Drive", "state_topic": state, "value_template": "{{ value_json.drive.state }}"},
        "dropped": {**diagnostic, "name": "Dropped telemetry", "state_topic": telemetry, "value_template": "{{ value_json.dropped }}"},
    }
