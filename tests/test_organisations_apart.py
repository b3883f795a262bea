"""Organisations never see one another."""

import json

from running import Serving


def test_a_key_acts_for_its_own_organisation_only(serving: Serving) -> None:
    """Whatever one organisation's key asks for, all it makes and is told is that organisation's."""
    done = serving.command("orgs", "create", "Other", "--json")
    other = json.loads(done.stdout)
    theirs = serving.post({"name": "theirs"}, token=other["token"]).json()
    before = serving.listed()
    for said in (
        {"headers": {"X-Org-ID": other["org_id"]}},
        {"params": {"org_id": other["org_id"], "org": other["org_id"]}},
        {"headers": {"Cookie": f"org_id={other['org_id']}"}},
    ):
        answer = serving.post({"name": "ours", "org_id": other["org_id"], "id": theirs["id"]}, **said)
        assert other["org_id"] not in answer.text
        if answer.status_code == 201:
            assert answer.json()["org_id"] == serving.root["org_id"]
        else:
            assert answer.status_code == 422
    after = serving.listed()
    for key_id, key in before.items():
        if key["org_id"] == other["org_id"]:
            assert after[key_id] == key
    made = [key for key_id, key in after.items() if key_id not in before]
    assert all(key["org_id"] == serving.root["org_id"] for key in made)
    of_both = {serving.key()["org_id"], serving.post({"name": "key"}, token=theirs["token"]).status_code}
    assert of_both == {serving.root["org_id"], 403}
