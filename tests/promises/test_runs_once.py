"""The same Idempotency-Key, three times at once: one run and one call of the provider. A caller gets the same run again
and re-attaches."""

from concurrent.futures import ThreadPoolExecutor

from tests.harness.cluster import Cluster
from tests.harness.provider import ScriptedProvider
from tests.harness.scale import scaled
from tests.promises.answers import SHORT, Talk, log_of, the_end

KEYS = scaled(5)
AT_ONCE = 3


def test_one_key_makes_one_run_and_one_call(cluster: Cluster, provider: ScriptedProvider) -> None:
    browsers = [cluster.browser(number) for number in range(AT_ONCE)]
    for number in range(KEYS):
        talk = Talk(browsers[0], provider, SHORT)
        path, body = f"sessions/{talk.session}/runs/", {"input": "go"}
        key = f"{talk.session}-{number}"
        with ThreadPoolExecutor(AT_ONCE) as pool:
            asked = [pool.submit(each.call, "POST", path, body, Idempotency_Key=key) for each in browsers]
            answers = [done.result() for done in asked]
        assert [answer.status_code for answer in answers] == [202] * AT_ONCE
        run = answers[0].json()["id"]
        assert [answer.json()["id"] for answer in answers] == [run] * AT_ONCE
        assert {answer.headers["Location"].partition("/api/")[2] for answer in answers} == {f"v1/runs/{run}/"}
        assert talk.ended(run)["state"] == "completed"
        assert the_end(cluster, talk.session, run).texts == [SHORT.text]
        requested = [kind for kind, _ in log_of(cluster, talk.session) if kind == "run-requested"]
        assert (len(requested), len(talk.calls)) == (1, 1)
