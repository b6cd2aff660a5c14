#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# dt-validate: a binding of another device decides what this device's properties are.
#
# Software: dt-schema 2025.08-1.2~bpo13+1 (Debian trixie-backports), 2026.06-1 (sid); dtc
#           1.7.2-2+b1 (trixie).
# Seen:     a binding has two properties of type uint32. A node has <50> and <0xffff0000>
#           there, and dt-validate has nothing against it. Then a second binding comes, for
#           another compatible, which no node has, with the same two names as phandle and
#           int32. Now the node is wrong: "[50] is not of type 'integer'" and "-65536 is less
#           than the minimum of 0", both "from schema" the first binding, which did not
#           change. dt-doc-validate takes both bindings. Were it uint32-array instead of phandle,
#           dt-validate (2026.06) would warn of "multiple incompatible types".
# Expected: that a node is judged by the binding of its compatible, in which the type is
#           said. But a blob has bytes only, and dt-validate turns them into values before it
#           looks for a binding: by the name of the property, with the types that all the
#           bindings together have for it. So a new driver's binding breaks the check of
#           other people's device trees, the message points at the wrong file, and the
#           test of the new binding by itself cannot show it.

set -eu
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

unpack_all trixie "$tmp/dtc" device-tree-compiler=1.7.2-2+b1
unpack_all trixie-backports "$tmp/old" dt-schema=2025.08-1.2~bpo13+1
unpack_all sid "$tmp/new" dt-schema=2026.06-1

# binding NAME GAIN MASK: writes vendor,NAME.yaml, with these types of its two properties
binding() {
	cat >"bindings/vendor,$1.yaml" <<END
%YAML 1.2
---
\$id: http://devicetree.org/schemas/vendor,$1.yaml#
\$schema: http://devicetree.org/meta-schemas/core.yaml#

title: The $1 of the vendor

maintainers:
  - Maintainer <maintainer@example.org>

description: A converter.

properties:
  compatible:
    const: vendor,$1

  reg:
    maxItems: 1

  vendor,gain:
    \$ref: /schemas/types.yaml#/definitions/$2
    description: The gain.

  vendor,mask:
    \$ref: /schemas/types.yaml#/definitions/$3
    description: The mask.

required:
  - compatible
  - reg

additionalProperties: false
END
}

# python PROGRAM ARGUMENT...: a program of the package in $dir
python() {
	local program=$1
	shift

	PYTHONHOME=$dir/usr PYTHONPATH=$dir/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
		within "$dir" python3 "$dir/usr/bin/$program" "$@"
}

# complaints: what dt-validate says of the node, in one line each
complaints() {
	python dt-validate -s bindings node.dtb >said 2>&1 || changed "${dir##*/}: dt-validate fails: $(cat said)"
	sed -n -E 's/.*: (multiple incompatible types|adc@1000 .*)/\1/p; s/.*from schema .*\/([^#]*)#?$/from \1/p' said
}

cd "$tmp"
cat >node.dts <<'END'
/dts-v1/;
/ {
	compatible = "vendor,board";
	model = "Board";
	#address-cells = <1>;
	#size-cells = <1>;

	adc@1000 {
		compatible = "vendor,adc";
		reg = <0x1000 0x100>;
		vendor,gain = <50>;
		vendor,mask = <0xffff0000>;
	};
};
END
cat >expected <<'END'
adc@1000 (vendor,adc): vendor,gain: [50] is not of type 'integer'
from vendor,adc.yaml
adc@1000 (vendor,adc): vendor,mask: -65536 is less than the minimum of 0
from vendor,adc.yaml
END
within "$tmp/dtc" dtc -q -O dtb -o node.dtb node.dts || untried "dtc does not compile the node"

for dir in "$tmp/old" "$tmp/new"; do
	rm -rf bindings
	mkdir bindings
	binding adc uint32 uint32
	seen=$(complaints)
	[[ -z $seen ]] || changed "${dir##*/}: the first binding alone: $seen"

	binding dac phandle int32
	seen=$(complaints)
	[[ $seen == "$(cat expected)" ]] || changed "${dir##*/}: both bindings: $seen"
	python dt-doc-validate bindings >said 2>&1 || changed "${dir##*/}: dt-doc-validate fails: $(cat said)"
	[[ ! -s said ]] || changed "${dir##*/}: dt-doc-validate: $(cat said)"
done

binding dac uint32-array uint32
seen=$(complaints)
[[ $seen == *"multiple incompatible types"* ]] || changed "uint32 and uint32-array: $seen"
