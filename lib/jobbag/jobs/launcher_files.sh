# The second part of the launcher, for jobs that have `outputs`, or a list of `inputs`. launcher.sh fetches and reads it;
# so it has its functions, and sets no variables before the job has started but in subshells. In front of it, launcher.py
# puts `settings`, which says how S3 is to encrypt ($sse, $sse_key), and `program`, which is launcher_program.py.

# What takes the items or sends the outputs in one process, if that can be: `program` with $@ and the lines on stdin.
# The status is 1 if it is to be done one by one.
many() (
	command -v python3 >/dev/null || exit 1
	said=$(program "$@" 2>&1) && exit
	[ $? -eq 125 ] || ! { command -v curl || command -v aws; } >/dev/null || exit 1
	printf '%s\n' "$said" >&2
	exit 125
)

# The items of the job → the working directory. $1 is the file with this text; $2 the job's program, which may be one of
# them.
take_items() (
	rm "$1"
	[ "$PEGASUS_AWS_BATCH_ITEMS" ] || exit 0
	base=${PEGASUS_AWS_BATCH_RESULTS%/results/*/}
	printf '%s\n' "$PEGASUS_AWS_BATCH_ITEMS" | many take "$base"
	case $? in
		0) ;;
		1)
			lists=$(mktemp -d) || exit 125
			printf '%s\n' "$PEGASUS_AWS_BATCH_ITEMS" | take '' || exit 125
			rm -r "$lists" ;;
		*) exit 125 ;;
	esac
	case $2 in
		/*) ;;
		*/*) [ ! -f "$2" ] || [ -x "$2" ] || chmod u+x "$2" || exit 125 ;;
	esac
)

# The items on stdin, pairs of lines → the directory $1, "" or with a slash at its end.
take() (
	while IFS= read -r source && IFS= read -r target; do
		case /$target/ in //* | */../*) fail "not in the working directory: $target" ;; esac
		url=${source#? }
		path=./$1$target
		folder=${path%/*}
		case $source in
			'') continue ;;
			[dl]*) folder=$path ;;
		esac
		[ -d "$folder" ] || mkdir -p "$folder" || exit
		case $source in
			l*)
				# Its last line may have no end.
				list=$(load "$url") && echo >>"$list" && take "$1$target/" <"$list" && rm "$list" ;;
			r*) result "$url" "$1$target" ;;
			[fx]*) try fetch "$url" "$path" </dev/null ;;
		esac || exit
		case $source in x*) chmod u+x "$path" || exit ;; esac
	done
)

# The result of another job at the URL $1 → the path $2. It is a directory if the list of that job has files below it.
result() (
	path=${1#"$base/results/"}
	job=${path%%/*}
	path=${path#*/}
	[ -e "$lists/$job" ] || said=$(try fetch "$base/lists/$job" "$lists/$job" 2>&1 </dev/null) || case $said in
		# There is none if the job has sent its results by itself.
		*rror*40[34]* | *'(NoSuchKey)'* | *'(AccessDenied)'*) : >"$lists/$job" ;;
		*)
			printf '%s\n' "$said" >&2
			exit 125 ;;
	esac
	below=${path%/}/
	found=$(
		while IFS= read -r file; do
			case $file in "$below"?*) printf '%s\n' "f $base/results/$job/$file" "${file#"$below"}" ;; esac
		done <"$lists/$job"
	)
	if [ "$found" ]; then printf '%s\n' "$found" | take "$2/"
	elif [ "$path" = "$below" ]; then fail "the job has sent nothing below $1"
	else try fetch "$1" "./$2" </dev/null; fi
)

# What PEGASUS_AWS_BATCH_OUTPUTS names → S3. $status is the job's, and then the launcher's.
send_outputs() {
	[ "$PEGASUS_AWS_BATCH_OUTPUTS" ] || return
	# A job has 30 s after its first signal, which may have come before.
	pass() {
		[ $again = 0 ] || kill -9 $!
		again=1$again
	}
	set -- $status
	(
		trap '' HUP INT TERM
		send_all
	) >/dev/null &
	await
	case $status in
		0 | 125) ;;
		*) printf 'pegasus-aws-batch: not all outputs were sent, as that ended with status %s\n' $status >&2 ;;
	esac
	[ $status = 0 ] || status=125
	[ $1 = 0 ] || status=$1
}

# The outputs → S3, and then a list of them. $status is the job's.
send_all() (
	settings
	largest=5368709120 # bytes of an object that one request can send
	part=67108864 # bytes of each part of a larger one
	ended=0
	paths=$(outputs) || ended=125
	paths=$(printf '%s\n' "$paths" | LC_ALL=C sort -u)
	job=${PEGASUS_AWS_BATCH_RESULTS%/}
	list=${job%/results/*}/lists/${job##*/}
	printf '%s\n' "$paths" | many send "$PEGASUS_AWS_BATCH_RESULTS" "$list" $largest $part "$sse" "$sse_key"
	case $? in
		0) exit $ended ;;
		1) ;;
		*) exit 125 ;;
	esac
	sent=$(mktemp) || exit 125
	printf '%s\n' "$paths" | one_by_one >"$sent" || ended=125
	try send "$list" "$sent" && rm "$sent" && exit $ended
)

# The paths of the outputs, each on a line. Those that are missing are told if $status, the job's, is 0.
outputs() (
	ended=0
	set -f
	IFS='
'
	set -- $PEGASUS_AWS_BATCH_OUTPUTS
	set +f
	IFS=
	for output; do
		case /$output/ in //* | */../*)
			ended=125
			(fail "the output $output is not in the working directory")
			continue ;;
		esac
		set -- "$output"
		# What there is by this very name is no glob.
		[ -e "./$output" ] || set -- $output
		missing=1
		for path; do
			# As .* gives them.
			case /$path/ in */../* | */./ | /./*) continue ;; esac
			[ ! -e "./$path" ] || missing=
			if [ -d "./$path" ]; then
				below "${path%/}/" || ended=125
			elif [ -e "./$path" ]; then one "$path" || ended=125; fi
		done
		if [ "$missing" ] && [ $status = 0 ]; then
			ended=125
			(fail "the output $output is missing")
		fi
	done
	exit $ended
)

# The paths of the files in the directory $1, which has a slash at its end, and in all below it.
below() (
	[ -r "./$1" ] && [ -x "./$1" ] || fail "cannot read the output $1"
	ended=0
	for path in "$1"* "$1".[!.]* "$1"..?*; do
		if [ -d "./$path" ]; then [ -L "./$path" ] || below "$path/"
		elif [ -f "./$path" ]; then one "$path"; fi || ended=125
	done
	exit $ended
)

# The path of a file.
one() {
	case $1 in *'
'*)
		(fail "cannot send an output with a newline in its name: $(printf %s "$1" | tr '\n' '?')")
		return 125 ;;
	esac
	[ -f "./$1" ] && [ -r "./$1" ] || (fail "cannot read the output $1") && printf '%s\n' "$1"
}

# The files whose paths are on stdin → S3. The paths of those that were sent → stdout.
one_by_one() (
	ended=0
	while IFS= read -r path; do
		if [ -z "$path" ]; then continue
		elif [ $(wc -c <"./$path") -gt $largest ] && ! command -v aws >/dev/null; then
			(fail "cannot send $path: for more than $largest bytes, python3 or aws must be in the image")
		elif said=$(try send "$PEGASUS_AWS_BATCH_RESULTS$path" "./$path" 2>&1 </dev/null); then
			printf '%s\n' "$path"
			continue
		else
			printf '%s\n' "$said" >&2
			# It would be the same with the others, unless it is the name that S3 does not take.
			case $said in *'rror: 400 '*) ;; *) exit 125 ;; esac
		fi
		ended=125
	done
	exit $ended
)

# One try to send $file as the object $key.
send() (
	[ $way != aws ] || exec aws s3 cp --only-show-errors ${sse:+--sse "$sse"} ${sse_key:+--sse-kms-key-id "$sse_key"} \
		"$file" "s3://$bucket/$key"
	# Python could not do it, or it would have sent all.
	if [ $way = python3 ] || [ $(wc -c <"$file") -gt $largest ]; then
		printf %s "$said"
		exit 1
	fi
	source=$file
	file=$(mktemp) || exit
	digest=$(sum <"$source")
	sign PUT $digest "x-amz-checksum-sha256:$(bytes $digest 0 | base64)
" "${sse:+
x-amz-server-side-encryption:$sse}${sse_key:+
x-amz-server-side-encryption-aws-kms-key-id:$sse_key}"
	: >"$file"
	code=$(printf '%s\n' "$headers" |
		curl -sSgH @- --path-as-is --connect-timeout 20 -y 60 -T "$source" -o "$file" -w '%{http_code}' "$url") || exit
	answer=$(cat "$file")
	rm "$file"
	case $code in 2*) exit ;; esac
	echo "error: $code $(tag Code): $(tag Message)"
	exit 1
)

# The text of the element $1 in the answer of S3.
tag() {
	case $answer in *"<$1>"*)
		set -- $1 "${answer#*"<$1>"}"
		printf %s "${2%%"</$1>"*}" ;;
	esac
}
