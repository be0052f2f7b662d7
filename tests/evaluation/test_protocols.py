"""The settings of the protocols, which every reported figure depends on."""

import pytest

from keras_homography.evaluation import protocols
from keras_homography.utils.errors import UserError


def test_the_entry_of_metrics_json_is_frozen():
    entry = protocols.get_protocol("paper256").as_json()
    assert {name: entry[name] for name in ("name", "width", "height", "patch_size", "rho")} == {
        "name": "paper256",
        "width": 640,
        "height": 480,
        "patch_size": 256,
        "rho": 64,
    }
    assert entry["network_size"] == 128
    assert set(entry) - {"published", "published_note"} == {
        *("name", "width", "height", "patch_size", "rho", "network_size")
    }


def test_coco128_is_paper256_at_half_the_scale():
    small, large = (protocols.get_protocol(name).spec for name in ("coco128", "paper256"))
    for size in ("patch_size", "rho", "image_width", "image_height"):
        assert 2 * getattr(small, size) == getattr(large, size)
    assert small.integer_offsets
    assert large.integer_offsets


def test_an_unknown_protocol_is_refused():
    with pytest.raises(UserError, match="coco128, paper256"):
        protocols.get_protocol("coco")
