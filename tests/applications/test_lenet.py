"""LeNet-5 as in table 1 and figure 2 of LeCun et al. (1998), fully connected at C3; LeNet-1."""

from kapps.applications import LeNet1, LeNet5
from kapps.inspect import layer_table


def test_parameters_of_each_layer():
    # C1, C3 (complete connections), C5 and F6 of the paper; the ten outputs are a dense layer.
    expected = {
        "stage1_conv": 156,
        "stage2_conv": 2_416,
        "stage3_conv": 48_120,
        "fc1": 10_164,
        "predictions": 850,
    }
    rows = {row.name: row.params for row in layer_table(LeNet5()) if row.params}
    assert rows == expected
    assert sum(rows.values()) == 61_706


def test_sizes_of_the_maps():
    shapes = {row.name: row.output_shape[1:] for row in layer_table(LeNet5())}
    assert shapes["stage1_conv"] == (28, 28, 6)
    assert shapes["stage1_pool"] == (14, 14, 6)
    assert shapes["stage2_conv"] == (10, 10, 16)
    assert shapes["stage2_pool"] == (5, 5, 16)
    assert shapes["stage3_conv"] == (1, 1, 120)


def test_the_first_lenet_has_the_parameters_and_connections_of_1989():
    # "4635 units, 98442 connections, and 2578 independent parameters", of which 4 * 144 + 12 * 16
    # units average four others each, by one parameter, and have a bias.
    model = LeNet1()
    assert model.count_params() == 2_578
    rows = {row.name: row for row in layer_table(model)}
    assert rows["stage1_conv"].output_shape[1:] == (24, 24, 4)
    assert rows["stage1_pool"].output_shape[1:] == (12, 12, 4)
    assert rows["stage2_concat"].output_shape[1:] == (8, 8, 12)
    assert rows["stage2_pool"].output_shape[1:] == (4, 4, 12)
    averages = 4 * 144 + 12 * 16
    biases = 4 * 576 + 12 * 64 + averages + 10
    products = sum(row.macs for row in rows.values()) - averages
    assert products + 4 * averages + biases == 98_442
